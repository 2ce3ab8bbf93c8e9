from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.data.read import read
from graft.data.synthetic import CLASSES, synthetic_cifar, synthetic_pictures, write_cifar
from graft.errors import DataError
from graft.types import ByteArray, FloatArray, IntArray

PICTURES, TARGETS = synthetic_pictures(30, seed=1)
TEST_PICTURES, TEST_TARGETS = synthetic_pictures(20, seed=2)


def planes(pictures: ByteArray) -> ByteArray:
    return pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)


def dump(path: Path, value: object, protocol: int) -> None:
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def python_ten(folder: Path, protocol: int, *, keys: type = bytes) -> Path:
    def key(text: str) -> Any:
        return text.encode() if keys is bytes else text

    def batch(pictures: ByteArray, targets: IntArray) -> dict[Any, Any]:
        return {key("data"): planes(pictures), key("labels"): targets.tolist()}

    folder.mkdir()
    dump(folder / "data_batch_1", batch(PICTURES[:20], TARGETS[:20]), protocol)
    dump(folder / "data_batch_2", batch(PICTURES[20:], TARGETS[20:]), protocol)
    dump(folder / "test_batch", batch(TEST_PICTURES, TEST_TARGETS), protocol)
    dump(folder / "batches.meta", {key("label_names"): [key(n) for n in CLASSES]}, protocol)
    (folder / "readme.html").write_text("about")
    return folder


def binary_ten(folder: Path) -> Path:
    write_cifar(
        folder,
        PICTURES,
        TARGETS,
        CLASSES,
        test_pictures=TEST_PICTURES,
        test_targets=TEST_TARGETS,
    )
    return folder


def hundred(folder: Path, *, binary: bool) -> Path:
    folder.mkdir()
    coarse = TARGETS % 2
    if binary:
        for name in ("train.bin", "test.bin"):
            labels = np.stack([coarse, TARGETS], axis=1).astype(np.uint8)
            (folder / name).write_bytes(np.concatenate([labels, planes(PICTURES)], 1).tobytes())
        (folder / "fine_label_names.txt").write_text("\n".join(CLASSES))
        (folder / "coarse_label_names.txt").write_text("even\nodd\n")
        return folder
    batch = {
        b"data": planes(PICTURES),
        b"fine_labels": TARGETS.tolist(),
        b"coarse_labels": coarse.tolist(),
    }
    names = {"fine_label_names": list(CLASSES), "coarse_label_names": ["even", "odd"]}
    for name, value in (("train", batch), ("test", batch), ("meta", names)):
        dump(folder / name, value, 2)
    return folder


def test_the_layouts_agree_in_pictures_labels_and_parts(tmp_path: Path) -> None:
    sets = [
        read(binary_ten(tmp_path / "binary")),
        read(python_ten(tmp_path / "python2", 2)),
        read(python_ten(tmp_path / "python5", 5, keys=str)),
    ]
    assert len({examples.fingerprint() for examples in sets}) == 1
    examples = sets[0]
    assert examples.labels == CLASSES
    assert examples.parts == ("train",) * 30 + ("test",) * 20
    np.testing.assert_array_equal(examples.targets, np.concatenate([TARGETS, TEST_TARGETS]))
    shown = np.stack([np.asarray(picture.open()) for picture in examples.pictures])
    np.testing.assert_array_equal(shown, np.concatenate([PICTURES, TEST_PICTURES]))
    assert sets[1].pictures[20].name == "data_batch_2[0]"


@pytest.mark.parametrize("binary", [True, False])
def test_cifar_100_has_fine_and_coarse_labels(tmp_path: Path, binary: bool) -> None:
    folder = hundred(tmp_path / "hundred", binary=binary)
    fine, coarse = read(folder), read(folder, label="coarse")
    assert fine.labels == CLASSES
    assert coarse.labels == ("even", "odd")
    np.testing.assert_array_equal(coarse.targets, fine.targets % 2)
    with pytest.raises(DataError, match="named 'rough'"):
        read(folder, label="rough")


def test_without_names_the_class_numbers_are_the_labels(tmp_path: Path) -> None:
    folder = binary_ten(tmp_path / "c")
    (folder / "batches.meta.txt").unlink()
    assert read(folder).labels == tuple("0123456789")


def test_a_cut_batch_is_refused(tmp_path: Path) -> None:
    folder = binary_ten(tmp_path / "c")
    path = folder / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="not a multiple of 3073"):
        read(folder)


def test_a_class_beyond_the_names_is_refused(tmp_path: Path) -> None:
    folder = binary_ten(tmp_path / "c")
    (folder / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match="names 2 classes"):
        read(folder)


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        {b"labels": [1]},
        {b"data": np.zeros((2, 5), np.uint8), b"labels": [0, 1]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]},
        {b"data": np.zeros((2, 3072), np.uint8)},
        {b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]},
    ],
)
def test_a_batch_without_pictures_or_labels_is_refused(tmp_path: Path, batch: object) -> None:
    folder = python_ten(tmp_path / "c", 2)
    dump(folder / "data_batch_1", batch, 2)
    with pytest.raises(DataError, match="data_batch_1 holds"):
        read(folder)


def test_the_generated_set_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        synthetic_cifar(tmp_path / name, rows=40, test_rows=20, seed=seed)
    a, b, c = (read(tmp_path / name).fingerprint() for name in "abc")
    assert a == b != c


def test_the_generated_classes_can_be_told_apart_but_not_by_mean_colour() -> None:
    pictures, targets = synthetic_pictures(600, seed=0)
    others, answers = synthetic_pictures(200, seed=9)

    def edges(pixels: ByteArray) -> FloatArray:
        down, right = np.gradient(pixels.astype(np.float64).mean(axis=3), axis=(1, 2))
        return np.asarray(np.hypot(down, right).reshape(len(pixels), -1))

    def score(train: FloatArray, test: FloatArray) -> float:
        squares = (test**2).sum(1)[:, None] - 2 * test @ train.T + (train**2).sum(1)
        return float((targets[squares.argmin(axis=1)] == answers).mean())

    assert score(pictures.mean(axis=(1, 2)), others.mean(axis=(1, 2))) < 0.25
    assert score(edges(pictures), edges(others)) > 0.3
