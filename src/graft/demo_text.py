"""The text demonstration: sections of packages from a few labelled descriptions.

The texts are descriptions of Debian packages with their archive section; packages that are built
from one source stay on one side of the split. MiniLM (`all-MiniLM-L6-v2`) comes with the extra
`text-demo`.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np

from graft.api import fit
from graft.backbones.text_names import minilm_folder
from graft.demo import Contender
from graft.model import Model
from graft.progress import Progress

SAMPLE = Path(__file__).parent / "data" / "samples" / "package-sections.csv"
EXAMPLES_A_CLASS = 32
TEST_SHARE = 1 / 3
CONTENDERS = (
    Contender("linear probe", "pretrained", "linear-probe", 1),
    Contender("pairs, then probe", "pretrained", "contrastive", 2),
    Contender("LP-FT", "pretrained", "lp-ft", 3),
)
# Fine-tuning from a probe must know whether it helps, and for how long; probes ask their own rows.
VALIDATION = {"lp-ft": 0.2}
Row = dict[str, str]


def demo_text(out: Path | None, progress: Progress) -> list[tuple[Contender, Model]]:
    """Train every contender on the same few texts a section and test on the same held-out ones.

    Args:
        out: Folder for the run folders; None takes `runs/demo-<time>`.
        progress: Told how far the work is.

    Raises:
        BackboneError: The extra `text-demo` is not installed.
    """
    minilm_folder()  # before anything is written
    folder = out or Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
    table = write_sections(folder / "package-sections.csv")
    finished = []
    for contender in CONTENDERS:
        progress.say(f"{contender.title} ...")
        model = fit(
            str(table),
            input="text",
            group="group",
            backbone="minilm",
            strategy=contender.strategy,
            epochs=contender.epochs,
            validation=VALIDATION.get(contender.strategy, 0.0),
            out=folder / contender.strategy,
            progress=progress,
        )
        finished.append((contender, model))
    return finished


def write_sections(path: Path, *, examples_a_class: int = EXAMPLES_A_CLASS, seed: int = 0) -> Path:
    """Write a table with a few training texts a section and those of a third of the sources as
    the test part."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    chosen = few_texts(rows, examples_a_class, seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label", "group", "split"])
        writer.writeheader()
        writer.writerows(chosen)
    return path


def few_texts(rows: list[Row], examples_a_class: int, seed: int) -> list[Row]:
    """Training rows drawn by the seed, and the test rows, the same for every seed; no source is
    in both."""
    sources = sorted({row["group"] for row in rows})
    order = np.random.default_rng(0).permutation(len(sources))
    held_out = {sources[n] for n in order[: round(TEST_SHARE * len(sources))]}
    test = [{**row, "split": "test"} for row in rows if row["group"] in held_out]
    rest = [row for row in rows if row["group"] not in held_out]
    shuffled = [rest[n] for n in np.random.default_rng(seed).permutation(len(rest))]
    train: list[Row] = []
    for label in sorted({row["label"] for row in rows}):
        members = [row for row in shuffled if row["label"] == label][:examples_a_class]
        train += [{**row, "split": "train"} for row in members]
    return train + test
