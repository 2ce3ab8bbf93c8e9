"""NumPy archives: `x` and `y`, with the parts that they name."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as format_

from graft.data.examples import Examples, Row, assemble
from graft.data.files import MOST_PACKED, SMALL_BYTES, check_file, spare_memory
from graft.data.label_columns import RowLabel, read_label_columns
from graft.data.parts import TEST, TRAIN, UNDECLARED, VALIDATION
from graft.data.pictures import DAMAGE, ArrayPicture
from graft.errors import DataError, UserError
from graft.types import Task

Array = npt.NDArray[Any]

# Pictures, labels, part. The later rows are how Keras and MedMNIST name theirs.
_KEYS = (
    ("x", "y", TRAIN),
    ("x_train", "y_train", TRAIN),
    ("train_images", "train_labels", TRAIN),
    ("x_val", "y_val", VALIDATION),
    ("val_images", "val_labels", VALIDATION),
    ("x_test", "y_test", TEST),
    ("test_images", "test_labels", TEST),
)
_ARRAY = ".npy"
_HEADERS = {
    (1, 0): format_.read_array_header_1_0,
    (2, 0): format_.read_array_header_2_0,
}
_UNPACKING = (zipfile.BadZipFile, MemoryError, RecursionError, TokenError)
_ALLOWED = (
    "x (N x H x W [x C], uint8) and y (N), optionally x_test and y_test, and labels (class names)"
)


def read_arrays(
    path: Path,
    shown: str,
    *,
    labelled: bool = True,
    columns: Sequence[str] = (),
    task: str | None = None,
) -> Examples:
    """Reads a `.npz` archive without unpickling anything.

    Args:
        path: The archive.
        shown: The path as the user named it.
        labelled: Whether labels are wanted.
        columns: Arrays of labels, instead of `y`; those of a part end like its pictures (`age`
            beside `x`, `age_test` beside `x_test`).
        task: See `graft.data.kinds.kinds_named`.

    Raises:
        DataError: An array is missing, or has the wrong shape, length or type.
    """
    arrays = _load(path, shown)
    found = [(x, y, part) for x, y, part in _KEYS if x in arrays]
    if not found:
        raise DataError(
            f"{shown} holds {', '.join(arrays) or 'no arrays'}, and no pictures under x",
            allowed=_ALLOWED,
            next="save it with numpy.savez(file, x=pictures, y=labels)",
        )
    pictures = [_pictures(arrays[x], x, shown) for x, _, _ in found]
    tasks: tuple[Task, ...] = (Task(),)
    labels: list[RowLabel] = [None] * sum(map(len, pictures))
    if labelled:
        tasks, labels = _labels(arrays, [(x, y) for x, y, _ in found], columns, task, shown)
    labelled_rows = iter(labels)
    rows = [
        Row(
            ArrayPicture(pixels, f"{x}[{number}]"),
            next(labelled_rows),
            part if len(found) > 1 else UNDECLARED,
        )
        for (x, _, part), block in zip(found, pictures, strict=True)
        for number, pixels in enumerate(block)
    ]
    return assemble(shown, rows, tasks=tasks, labelled=labelled)


def _load(path: Path, shown: str) -> dict[str, Array]:
    """Every array of the archive; other members are passed over, and nothing is unpacked to disk.

    Raises:
        DataError: The archive is damaged, holds objects, or would not fit into memory.
    """
    check_file(path, shown)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(_ARRAY)]
            _check_size(members, shown)
            return {info.filename.removesuffix(_ARRAY): _array(archive, info) for info in members}
    except UserError:
        raise
    except (*DAMAGE, *_UNPACKING) as error:
        objects = "Object arrays" in str(error)
        detail = "it holds object arrays, which would run code" if objects else str(error)
        raise DataError(
            f"{shown} cannot be read: {(detail or type(error).__name__).splitlines()[0]:.200}",
            allowed=_ALLOWED,
            next="save plain arrays: all pictures of one size, labels as integers or strings",
        ) from error


def _check_size(members: Sequence[zipfile.ZipInfo], shown: str) -> None:
    whole = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if whole > spare_memory() or whole > max(SMALL_BYTES, MOST_PACKED * packed):
        raise DataError(
            f"{shown} holds {whole / 2**30:.1f} GB once it is unpacked, in {packed / 2**20:.1f} MB",
            allowed=f"what fits into memory, packed no more than {MOST_PACKED} times",
            next="save fewer or smaller pictures, or save them as files",
        )


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array, once its header has been found to fit what is there."""
    with archive.open(info) as member:
        version = format_.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} is in the unknown format {version}")
        shape, _, dtype = _HEADERS[version](member)
        there = info.file_size - member.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != there:
        raise ValueError(f"{info.filename} says shape {shape} of {dtype}, and holds {there} bytes")
    with archive.open(info) as member:
        array: Array = format_.read_array(member, allow_pickle=False)
    return array


def _pictures(x: Array, name: str, shown: str) -> Array:
    if x.dtype not in (np.uint8, np.uint16, np.bool_):
        raise DataError(
            f"{name} in {shown} is of type {x.dtype}, which has no fixed range",
            allowed="uint8, uint16 or bool",
            next=f"convert it: ({name} * 255).round().astype('uint8') if it lies in 0..1, "
            f"{name}.astype('uint8') if it lies in 0..255",
        )
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[3] not in (1, 3, 4):
        raise DataError(
            f"{name} in {shown} has the shape {x.shape}: channels first",
            allowed="N x H x W x C",
            next=f"turn it: numpy.moveaxis({name}, 1, -1)",
        )
    if x.ndim == 3 or (x.ndim == 4 and x.shape[3] in (1, 3, 4)):
        return x
    raise DataError(
        f"{name} in {shown} has the shape {x.shape}",
        allowed="N x H x W, or N x H x W x C with 1, 3 or 4 channels",
        next="reshape it to pictures",
    )


def _labels(
    arrays: Mapping[str, Array],
    pairs: Sequence[tuple[str, str]],
    columns: Sequence[str],
    task: str | None,
    shown: str,
) -> tuple[tuple[Task, ...], list[RowLabel]]:
    """The tasks, and the label of every row of every part.

    Args:
        arrays: The archive.
        pairs: Names of pictures and labels, a pair a part.
        columns: Label arrays that the user named.
        task: The kinds that the user named.
        shown: The path, for messages.
    """
    names = _names(arrays)
    cells: dict[str, list[object]] = {}
    for column in columns or ["y"]:
        cells[column] = []
        for x, y in pairs:
            name = column + x.removeprefix("x") if columns else y
            cells[column] += _cells(arrays, x, name, names, shown)
    tasks, rows = read_label_columns(cells, {}, task)
    if len(tasks) == 1:
        tasks = (replace(tasks[0], column=columns[0] if columns else None),)
    if not columns and names is not None and tasks[0].one_class:
        rows = [_named(row, names, shown) for row in rows]
        tasks = (Task(labels=names),)
    return tasks, rows


def _cells(
    arrays: Mapping[str, Array], x: str, y: str, names: tuple[str, ...] | None, shown: str
) -> list[object]:
    """A cell for every picture; of 0 and 1 side by side, the names of the ones."""
    if y not in arrays:
        raise DataError(
            f"{shown} holds {x} but not {y}", allowed=f"{_ALLOWED}; found: {', '.join(arrays)}"
        )
    values = arrays[y]
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 0 or len(values) != len(arrays[x]) or values.ndim > 2:
        raise DataError(
            f"{x} in {shown} has {len(arrays[x])} rows, and {y} the shape {values.shape}",
            allowed="one label per picture, or a row of 0 and 1",
        )
    if values.ndim == 1:
        return [*values.tolist()]
    marks = values.astype(np.float64) if values.dtype.kind in "biuf" else np.full(1, 2.0)
    if not np.isin(marks[~np.isnan(marks)], (0, 1)).all():
        raise DataError(
            f"{y} in {shown} has the shape {values.shape}, and holds other values than 0 and 1",
            allowed="one label per picture, or a row of 0 and 1 with one column per label",
        )
    labels = names or tuple(str(number) for number in range(values.shape[1]))
    if len(labels) != values.shape[1]:
        raise DataError(f"{y} in {shown} has {values.shape[1]} columns, labels {len(labels)} names")
    return [
        None if np.isnan(row).any() else [labels[number] for number in np.flatnonzero(row)]
        for row in marks
    ]


def _names(arrays: Mapping[str, Array]) -> tuple[str, ...] | None:
    """The class names, where the archive has them and the targets are numbers."""
    if "labels" not in arrays:
        return None
    targets = next((arrays[y] for _, y, _ in _KEYS if y in arrays), None)
    if targets is None or targets.dtype.kind not in "iubf":
        return None
    return tuple(str(name) for name in arrays["labels"].tolist())


def _named(text: RowLabel, names: tuple[str, ...], shown: str) -> str | None:
    """The name behind a class number; -1 is the usual sign for a missing label."""
    number = {"false": 0, "true": 1}.get(str(text))
    if number is None:
        number = -1 if text is None else int(str(text))
    if number == -1:
        return None
    if not 0 <= number < len(names):
        raise DataError(
            f"y in {shown} holds {text}, and labels has {len(names)} names",
            allowed=f"0 to {len(names) - 1}",
        )
    return names[number]
