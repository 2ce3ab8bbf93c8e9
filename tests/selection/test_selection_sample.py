"""The sample is stratified, reproducible, and holds independent rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from graft.data import read
from graft.selection.sample import sample_rows
from graft.types import Task


def test_every_class_keeps_its_share(photos: Path) -> None:
    examples = read(photos)
    rows = sample_rows(examples, np.arange(36), 15)
    assert np.bincount(examples.targets[rows]).tolist() == [5, 5, 5]
    assert rows.tolist() == sample_rows(examples, np.arange(36), 15).tolist()
    assert sample_rows(examples, np.arange(36)).tolist() == list(range(36))


def test_copies_and_groups_are_represented_once(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 4, "red": 4})
    (folder / "blue" / "03.png").write_bytes((folder / "blue" / "00.png").read_bytes())
    examples = read(folder)
    assert sample_rows(examples, np.arange(8)).tolist() == [0, 1, 2, 4, 5, 6, 7]
    grouped = replace(examples, groups=np.array([0, 0, 1, 1, 2, 2, 3, 4]))
    # The copy joins the first two groups, and of each group the first row is left.
    assert sample_rows(grouped, np.arange(8)).tolist() == [0, 4, 6, 7]


def test_quantities_keep_their_range(photos: Path) -> None:
    examples = read(photos)
    numbers = np.linspace(0, 1, 36)[:, None]
    whole = replace(examples, tasks=(Task("regression"),), targets=numbers)
    rows = sample_rows(whole, np.arange(36), 6)
    assert np.bincount(rows // 12).tolist() == [2, 2, 2]
