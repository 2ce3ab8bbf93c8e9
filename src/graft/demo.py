"""The demonstration: few handwritten digits, with and without transfer.

The pictures are scikit-learn's scans of handwritten digits (Alpaydin and Kaynak 1998), 8 x 8 pixels
in 17 grey levels. The bundled backbone never saw a digit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.api import fit
from graft.model import Model
from graft.progress import Progress
from graft.types import ByteArray, IntArray

EXAMPLES_A_CLASS = 10
TEST_ROWS = 800


@dataclass(frozen=True, slots=True)
class Contender:
    """One column of the demonstration."""

    title: str
    weights: str
    strategy: str
    epochs: int


CONTENDERS = (
    Contender("from scratch", "random", "full", 40),
    Contender("linear probe", "pretrained", "linear-probe", 1),
    Contender("LP-FT", "pretrained", "lp-ft", 20),
)


def demo_image(out: Path | None, progress: Progress) -> list[tuple[Contender, Model]]:
    """Train every contender on the same ten examples a class and test on the same 800 scans.

    Args:
        out: Folder for the three run folders; None takes `runs/demo-<time>`.
        progress: Told how far the work is.
    """
    folder = out or Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
    archive = write_digits(folder / "digits.npz")
    finished = []
    for contender in CONTENDERS:
        progress.say(f"{contender.title} ...")
        model = fit(
            str(archive),
            weights=contender.weights,
            strategy=contender.strategy,
            epochs=contender.epochs,
            validation=0.0,
            out=folder / contender.title.lower().replace(" ", "-"),
            progress=progress,
        )
        finished.append((contender, model))
    return finished


def write_digits(path: Path, *, examples_a_class: int = EXAMPLES_A_CLASS, seed: int = 0) -> Path:
    """Write an `.npz` archive with a few labelled scans a class and 800 test scans."""
    pictures, targets = digits()
    train, test = few_shot_rows(targets, examples_a_class, seed)
    np.savez(
        path,
        allow_pickle=False,
        x=pictures[train],
        y=targets[train],
        x_test=pictures[test],
        y_test=targets[test],
    )
    return path


def digits() -> tuple[ByteArray, IntArray]:
    """(1797, 8, 8) scans in 0 ... 255 and their digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return np.rint(data.images * (255 / 16)).astype(np.uint8), data.target.astype(np.int64)


def few_shot_rows(targets: IntArray, examples_a_class: int, seed: int) -> tuple[IntArray, IntArray]:
    """Training rows drawn by the seed, and the 800 test rows that are the same for every seed."""
    order = np.random.default_rng(0).permutation(len(targets))
    test, rest = order[:TEST_ROWS], order[TEST_ROWS:]
    rest = np.random.default_rng(seed).permutation(rest)
    chosen = [rest[targets[rest] == digit][:examples_a_class] for digit in np.unique(targets)]
    return np.sort(np.concatenate(chosen)), np.sort(test)
