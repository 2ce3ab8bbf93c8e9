"""The sample is stratified, reproducible, and holds independent rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.data import read
from graft.errors import DataError
from graft.selection.sample import require_single_label, sample_rows


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


def test_other_tasks_than_one_label_are_refused(photos: Path) -> None:
    examples = read(photos)
    require_single_label(examples)
    regression = replace(examples, tasks=(replace(examples.tasks[0], kind="regression"),))
    with pytest.raises(DataError, match="accuracy"):
        require_single_label(regression)
