"""Small sets that choices are measured on: scans, pictograms, texts and drawings.

    python -m benchmarks.sets FOLDER [--themes THEME...] [--texts TABLE]

Writes into FOLDER handwritten digits (scikit-learn's scans) with 5, 20 and 60 examples a class;
drawings and invented characters that the pretraining generator draws with a seed of its own; the
pictograms of icon themes by context folder, half of them for testing (Debian's mate-icon-theme and
oxygen-icon-theme, unpacked: `THEME` is the folder 48x48); and texts with their sections (a table
with columns text, label and group).
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
import torch

from benchmarks.bundled_pictograms import collect
from graft.types import ByteArray

DIGIT_SHOTS = (5, 20, 60)
DIGIT_TEST = 600
SIDE = 48
DRAWN_CLASSES, DRAWN_ROWS, DRAWN_TEST, DRAWN_SEED = 12, 400, 600, 77_001
TEXT_GROUPS, TEST_GROUPS = 260, 400


def write_digits(folder: Path) -> list[Path]:
    """One archive for each number of examples a class, all with the same test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    pixels = np.kron(bunch.images, np.ones((4, 4))) * (255 / 16)
    images, targets = pixels.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
    test, rest = np.arange(DIGIT_TEST), np.arange(DIGIT_TEST, len(order))
    found = []
    for shots in DIGIT_SHOTS:
        rows = np.concatenate([rest[targets[rest] == digit][:shots] for digit in range(10)])
        path = folder / f"digits-{shots}.npz"
        np.savez(path, x=images[rows], y=targets[rows], x_test=images[test], y_test=targets[test])
        found.append(path)
    return found


def write_drawn(folder: Path) -> list[Path]:
    """Invented icons before backgrounds, and invented handwriting: no class that was pretrained."""
    from scripts.pretrain.icons import build_icon_bank
    from scripts.pretrain.sources import Drawings, Source, Strokes
    from scripts.pretrain.textures import build_texture_bank

    per_class = 24
    icons = build_icon_bank(DRAWN_CLASSES, per_class, DRAWN_SEED)
    textures = build_texture_bank(4, DRAWN_SEED)
    sources: dict[str, Source] = {
        "icons": Drawings(icons, textures),
        "strokes": Strokes(DRAWN_CLASSES, DRAWN_SEED),
    }
    found = []
    for name, source in sources.items():
        torch.manual_seed(DRAWN_SEED)
        rng = torch.Generator().manual_seed(DRAWN_SEED)
        pictures, labels = source.draw(DRAWN_ROWS + DRAWN_TEST, SIDE, rng, hard=True)
        x, y = as_bytes(pictures), labels.numpy().astype(np.int64)
        at = slice(None, DRAWN_ROWS), slice(DRAWN_ROWS, None)
        path = folder / f"drawn-{name}.npz"
        np.savez(path, x=x[at[0]], y=y[at[0]], x_test=x[at[1]], y_test=y[at[1]])
        found.append(path)
    return found


def as_bytes(pictures: torch.Tensor) -> ByteArray:
    """Pictures (N, 3, H, W) in [0, 1] as (N, H, W, 3) bytes."""
    return (pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def write_pictograms(folder: Path, theme: Path) -> Path:
    """Distinct pictures of the theme in class folders; every other one is tested on."""
    name = f"pictograms-{theme.parent.name if theme.parent.name != 'base' else theme.parts[-3]}"
    whole, target = folder / "all-pictograms", folder / name
    collect(theme, whole)
    for kind in sorted(whole.iterdir()):
        paths = sorted(kind.iterdir())
        order = np.random.default_rng(0).permutation(len(paths))
        for turn, row in enumerate(order):
            part = target / ("test" if turn % 2 else "train") / kind.name
            part.mkdir(parents=True, exist_ok=True)
            shutil.move(paths[row], part / paths[row].name)
    shutil.rmtree(whole)
    return target


def write_texts(folder: Path, table: Path) -> list[Path]:
    """A choice of whole groups, others as the test part."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    groups = sorted({row["group"] for row in rows})
    order = np.random.default_rng(0).permutation(len(groups))[: TEXT_GROUPS + TEST_GROUPS]
    part = {groups[at]: "test" if turn >= TEXT_GROUPS else "train" for turn, at in enumerate(order)}
    path = folder / "sections.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        writer.writerows({**r, "split": part[r["group"]]} for r in rows if r["group"] in part)
    return [path]


def main() -> None:
    """Parse and write; prints the paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--themes", type=Path, nargs="+", default=[])
    parser.add_argument("--texts", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    found = [*write_digits(given.folder), *write_drawn(given.folder)]
    found += [write_pictograms(given.folder, theme) for theme in given.themes]
    if given.texts:
        found += write_texts(given.folder, given.texts)
    print("\n".join(map(str, found)))


if __name__ == "__main__":
    main()
