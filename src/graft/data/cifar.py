"""The CIFAR-10 and CIFAR-100 archives, in their binary and their Python layout.

Source: https://www.cs.toronto.edu/~kriz/cifar.html. A picture is 3072 bytes: 32 x 32 red, then
green, then blue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.data.examples import Examples, Row, assemble
from graft.data.labels import natural_key
from graft.data.opcodes import read_pickled
from graft.data.parts import TEST, TRAIN
from graft.data.pictures import ArrayPicture
from graft.errors import DataError
from graft.types import ByteArray, IntArray

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_TRAIN_FILE = re.compile(r"data_batch_[0-9]+(\.bin)?|train(\.bin)?")
_TEST_FILE = re.compile(r"test_batch(\.bin)?|test(\.bin)?")
_ALLOWED = "the files of the CIFAR archives as they are unpacked"


@dataclass(frozen=True)
class _Layout:
    """One of the two data sets.

    Attributes:
        label_bytes: Labels in front of a picture in the binary layout.
        position: Which of them is wanted.
        key: The labels' key in the Python layout.
        names_key: The class names' key in the Python layout.
        names_file: The class names' file in the binary layout.
    """

    label_bytes: int
    position: int
    key: str
    names_key: str
    names_file: str


_TEN = _Layout(1, 0, "labels", "label_names", "batches.meta.txt")
_HUNDRED = {
    "fine": _Layout(2, 1, "fine_labels", "fine_label_names", "fine_label_names.txt"),
    "coarse": _Layout(2, 0, "coarse_labels", "coarse_label_names", "coarse_label_names.txt"),
}


def is_cifar(folder: Path) -> bool:
    """Whether a folder looks like an unpacked CIFAR archive."""
    try:
        names = {path.name for path in folder.iterdir() if path.is_file()}
    except OSError:
        return False  # the reader of class folders says why it cannot be read
    return bool(
        names & {"data_batch_1", "data_batch_1.bin", "train.bin"} or {"train", "meta"} <= names
    )


def read_cifar(folder: Path, shown: str, *, label: str | None = None) -> Examples:
    """Reads the train and test batches; labels keep the archive's order.

    Args:
        folder: The unpacked archive.
        shown: The folder as the user named it.
        label: `fine` or `coarse` for CIFAR-100; None means fine.

    Raises:
        DataError: A batch is cut short, or holds anything but pictures and labels.
    """
    files = sorted((p for p in folder.iterdir() if p.is_file()), key=lambda p: natural_key(p.name))
    batches = [(path, TRAIN) for path in files if _TRAIN_FILE.fullmatch(path.name)]
    batches += [(path, TEST) for path in files if _TEST_FILE.fullmatch(path.name)]
    layout = _layout(batches[0][0].name, label)
    binary = batches[0][0].suffix == ".bin"
    names = _binary_names(folder, layout) if binary else _python_names(folder, layout)
    rows: list[Row] = []
    for path, part in batches:
        if (path.suffix == ".bin") != binary:
            continue  # both layouts lie in one folder: the first found is read
        pixels, targets = _binary(path, layout) if binary else _python(path, layout)
        rows += _rows(path, pixels, _named(targets, names, path), part)
    return assemble(shown, rows, labels=names or None)


def _layout(first: str, label: str | None) -> _Layout:
    if first.startswith("data_batch"):
        return _TEN
    if label is not None and label not in _HUNDRED:
        raise DataError(
            f"CIFAR-100 has no labels named '{label}'",
            allowed=", ".join(_HUNDRED),
            next="choose one of them with --label",
        )
    return _HUNDRED[label or "fine"]


def _rows(path: Path, pixels: ByteArray, labels: list[str], part: str) -> list[Row]:
    return [
        Row(ArrayPicture(picture, f"{path.name}[{number}]"), label, part)
        for number, (picture, label) in enumerate(zip(pixels, labels, strict=True))
    ]


def _named(targets: IntArray, names: tuple[str, ...], path: Path) -> list[str]:
    """Class names for class numbers; the numbers themselves where the archive has no names."""
    if not names:
        return [str(number) for number in targets.tolist()]
    highest, lowest = int(targets.max(initial=0)), int(targets.min(initial=0))
    if lowest < 0 or highest >= len(names):
        raise DataError(
            f"{path} holds class {lowest if lowest < 0 else highest}, "
            f"and the archive names {len(names)} classes",
            allowed=f"0 to {len(names) - 1}",
            next="download the archive again",
        )
    return [names[number] for number in targets.tolist()]


def _pictures(flat: ByteArray) -> ByteArray:
    """(N, 3072) colour planes to (N, 32, 32, 3)."""
    return np.ascontiguousarray(flat.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1))


def _binary(path: Path, layout: _Layout) -> tuple[ByteArray, IntArray]:
    data = np.fromfile(path, dtype=np.uint8)
    record = layout.label_bytes + _PIXELS
    if data.size == 0 or data.size % record:
        raise DataError(
            f"{path} has {data.size} bytes, not a multiple of {record}",
            allowed=_ALLOWED,
            next="download the archive again",
        )
    records = data.reshape(-1, record)
    return _pictures(records[:, layout.label_bytes :]), records[:, layout.position].astype(np.int64)


def _binary_names(folder: Path, layout: _Layout) -> tuple[str, ...]:
    path = folder / layout.names_file
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _python(path: Path, layout: _Layout) -> tuple[ByteArray, IntArray]:
    batch = _dictionary(path)
    pixels, targets = batch.get("data"), batch.get(layout.key)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise _not_a_batch(path, "no array of pixels under 'data'")
    if pixels.shape[1] != _PIXELS:
        raise _not_a_batch(path, f"pictures of {pixels.shape[1]} bytes, not {_PIXELS}")
    numbers = _integers(targets)
    if numbers is None or len(numbers) != len(pixels):
        raise _not_a_batch(path, f"no {len(pixels)} class numbers under '{layout.key}'")
    return _pictures(pixels), numbers


def _integers(values: object) -> IntArray | None:
    array: npt.NDArray[Any] = np.asarray(values if isinstance(values, (list, np.ndarray)) else "")
    return array.astype(np.int64) if array.ndim == 1 and array.dtype.kind in "iu" else None


def _not_a_batch(path: Path, what: str) -> DataError:
    return DataError(f"{path} holds {what}", allowed=_ALLOWED, next="download the archive again")


def _python_names(folder: Path, layout: _Layout) -> tuple[str, ...]:
    path = next((folder / n for n in ("batches.meta", "meta") if (folder / n).is_file()), None)
    if path is None:
        return ()
    names = _dictionary(path).get(layout.names_key)
    if not isinstance(names, list):
        raise _not_a_batch(path, f"no class names under '{layout.names_key}'")
    return tuple(_decoded(name) for name in names)


def _dictionary(path: Path) -> Mapping[str, object]:
    """The batch with its keys as text: Python 2 wrote them as bytes."""
    value = read_pickled(path.read_bytes(), str(path))
    if not isinstance(value, dict):
        raise _not_a_batch(path, f"a {type(value).__name__}, not a dictionary")
    return {_decoded(key): item for key, item in value.items()}


def _decoded(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
