from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.data.read import read
from graft.errors import DataError
from graft.types import Task

X = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
Y = np.array([10, 9, 10, 9, 10, 9])


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path / "a.npz", **arrays)
    return path / "a.npz"


def test_rows_labels_and_names(tmp_path: Path) -> None:
    examples = read(save(tmp_path, x=X, y=Y))
    assert examples.labels == ("9", "10")
    assert examples.targets.tolist() == [1, 0] * 3
    assert examples.parts == ("",) * 6
    assert examples.pictures[3].name == "x[3]"
    np.testing.assert_array_equal(np.asarray(examples.pictures[3].open()), X[3])


@pytest.mark.parametrize(
    "y",
    [Y, Y.astype(np.uint8), Y.astype(float), Y.astype(str), Y[:, None], Y == 10, Y.astype(bytes)],
)
def test_labels_of_every_plain_type(tmp_path: Path, y: np.ndarray) -> None:
    examples = read(save(tmp_path, x=X, y=y))
    assert examples.targets.tolist() == [1, 0] * 3


@pytest.mark.parametrize("x", [X[..., 0], X[..., :1], X[..., 0] > 9, X[..., 0].astype(np.uint16)])
def test_pictures_of_every_plain_type(tmp_path: Path, x: np.ndarray) -> None:
    assert read(save(tmp_path, x=x, y=Y)).pictures[0].open().size == (4, 5)


@pytest.mark.parametrize(
    "keys",
    [
        ("x", "y", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_parts_by_name(tmp_path: Path, keys: tuple[str, str, str, str]) -> None:
    arrays = dict(zip(keys, (X, Y, X[:2], Y[:2]), strict=True))
    examples = read(save(tmp_path, **arrays))
    assert examples.parts == ("train",) * 6 + ("test",) * 2
    assert examples.pictures[6].name == f"{keys[2]}[0]"


def test_names_give_the_labels_and_their_order(tmp_path: Path) -> None:
    examples = read(save(tmp_path, x=X, y=[2, 0, 2, 0, -1, 0], labels=["z", "m", "a"]))
    assert examples.labels == ("z", "a")
    assert examples.targets.tolist() == [1, 0, 1, 0, 0]
    assert [(s.input, s.reason) for s in examples.set_aside] == [("x[4]", "no label")]


def test_without_labels_y_is_not_needed(tmp_path: Path) -> None:
    assert len(read(save(tmp_path, x=X), labelled=False)) == 6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "y": Y[:5]}, "6 rows"),
        ({"x": X}, "not y"),
        ({"a": X, "y": Y}, "no pictures under x"),
        ({"x": X / 255, "y": Y}, "float64"),
        ({"x": X.astype(np.int64), "y": Y}, "int64"),
        ({"x": X.reshape(6, -1), "y": Y}, r"shape \(6, 60\)"),
        ({"x": np.zeros((6, 3, 8, 8), np.uint8), "y": Y}, "channels first"),
        ({"x": X, "y": np.array([[0, 2]] * 6)}, "other values than 0 and 1"),
        ({"x": X, "y": Y, "labels": ["a", "b"]}, "labels has 2 names"),
        ({"x": X, "y": np.array([object()] * 6)}, "object arrays"),
        ({"x": X, "y": Y * 0}, "holds 1 class"),
    ],
)
def test_faults_are_one_message(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(save(tmp_path, **arrays))


def test_floats_are_told_how_to_become_bytes(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(save(tmp_path, x=X / 255, y=Y))
    assert "(x * 255).round().astype('uint8')" in caught.value.next


def test_rows_of_zeros_and_ones_are_labels_and_fractions_a_quantity(tmp_path: Path) -> None:
    marks = np.array([[1, 0], [1, 1], [0, 0], [0, 1], [1, 0], [0, 1]])
    several = read(save(tmp_path, x=X, y=marks, labels=["red", "big"]))
    assert several.tasks == (Task("multi-label", ("big", "red")),)
    assert several.targets[:, [1, 0]].tolist() == marks.tolist()
    quantity = read(save(tmp_path, x=X, y=Y + 0.25))
    assert quantity.tasks == (Task("regression"),)
    assert quantity.targets[:, 0].tolist() == (Y + 0.25).tolist()


def test_label_arrays_can_be_named_and_follow_the_part(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        x=X,
        age=Y + 0.5,
        breed=["a", "b", "a", "b", "a", "b"],
        x_test=X[:2],
        age_test=[1.5, 2.5],
        breed_test=["a", "b"],
    )
    found = read(path, labels=["breed", "age"])
    assert [task.name for task in found.tasks] == ["breed", "age"]
    assert found.targets[6:].tolist() == [[0, 1.5], [1, 2.5]]
    with pytest.raises(DataError, match="not colour"):
        read(path, labels=["breed", "colour"])
