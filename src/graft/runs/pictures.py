"""Small pictures for the report: samples of each class and the most confident errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graft.data import Examples, Picture
from graft.data.targets import shown_labels, strata
from graft.data.thumbnail import thumbnail
from graft.types import IntArray, Json

SIDE = 160
MOST_SAMPLES = 24
PER_CLASS = 3


def save_pictures(folder: Path, examples: Examples, train: IntArray, errors: list[Json]) -> Json:
    """Write thumbnails and say in the result's `errors` and `samples` where they stand."""
    folder.mkdir(exist_ok=True)
    pictures = examples.pictures
    shown = [
        {
            **{key: value for key, value in error.items() if key != "row"},
            "picture": _save(pictures[error["row"]], folder / f"error-{number}.png"),
        }
        for number, error in enumerate(errors)
    ]
    labels = shown_labels(examples.tasks, examples.targets)
    samples = [
        {
            "label": labels[row],
            "picture": _save(pictures[row], folder / f"sample-{number}.png"),
        }
        for number, row in enumerate(sample_rows(kinds_of(examples), train))
    ]
    return {"errors": shown, "samples": samples}


def kinds_of(examples: Examples) -> IntArray:
    """(N,) what each row is a sample of: its class, one of its labels, or its part of a scale."""
    members = strata(examples.tasks, examples.targets)
    return np.array([row[-1] for row in members], dtype=np.int64)  # the last stratum


def sample_rows(targets: IntArray, rows: IntArray) -> list[int]:
    """The first few rows of each class, fewer each when there are many classes.

    >>> sample_rows(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]))
    [0, 1, 2, 3]
    """
    classes = np.unique(targets[rows])
    each = max(1, min(PER_CLASS, MOST_SAMPLES // len(classes)))
    chosen = [rows[targets[rows] == target][:each] for target in classes[:MOST_SAMPLES]]
    return [int(row) for row in np.concatenate(chosen)]


def _save(picture: Picture, path: Path) -> str:
    thumbnail(picture.open(), SIDE).save(path)
    return f"pictures/{path.name}"
