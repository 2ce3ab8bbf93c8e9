"""NumPy archives: `x` and `y`, with the parts that they name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.data.examples import Examples, Row, assemble
from graft.data.labels import label_texts
from graft.data.parts import TEST, TRAIN, UNDECLARED, VALIDATION
from graft.data.pictures import ArrayPicture
from graft.errors import DataError

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
_ALLOWED = (
    "x (N x H x W [x C], uint8) and y (N), optionally x_test and y_test, and labels (class names)"
)


def read_arrays(path: Path, shown: str, *, labelled: bool = True) -> Examples:
    """Reads a `.npz` archive without unpickling anything.

    Args:
        path: The archive.
        shown: The path as the user named it.
        labelled: Whether labels are wanted.

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
    names = _names(arrays) if labelled else None
    rows: list[Row] = []
    for x, y, part in found:
        pictures = _pictures(arrays[x], x, shown)
        labels = _labels(arrays, x, y, names, shown) if labelled else [None] * len(pictures)
        declared = part if len(found) > 1 else UNDECLARED
        rows += [
            Row(ArrayPicture(pixels, f"{x}[{number}]"), label, declared)
            for number, (pixels, label) in enumerate(zip(pictures, labels, strict=True))
        ]
    return assemble(shown, rows, labels=names, labelled=labelled)


def _load(path: Path, shown: str) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        objects = "allow_pickle" in str(error) and "Object arrays" in str(error)
        detail = "it holds object arrays, which would run code" if objects else str(error)
        raise DataError(
            f"{shown} cannot be read: {detail}",
            allowed=_ALLOWED,
            next="save plain arrays: all pictures of one size, labels as integers or strings",
        ) from error


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
    arrays: Mapping[str, Array], x: str, y: str, names: tuple[str, ...] | None, shown: str
) -> list[str | None]:
    if y not in arrays:
        raise DataError(f"{shown} holds {x} but not {y}", allowed=_ALLOWED)
    values = arrays[y]
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (len(arrays[x]),):
        raise DataError(
            f"{x} in {shown} has {len(arrays[x])} rows, and {y} the shape {values.shape}",
            allowed="one label per picture",
        )
    texts = label_texts(values.tolist(), y)
    return texts if names is None else [_named(text, names, y, shown) for text in texts]


def _names(arrays: Mapping[str, Array]) -> tuple[str, ...] | None:
    """The class names, where the archive has them and the targets are numbers."""
    if "labels" not in arrays:
        return None
    targets = next((arrays[y] for _, y, _ in _KEYS if y in arrays), None)
    if targets is None or targets.dtype.kind not in "iub":
        return None
    return tuple(str(name) for name in arrays["labels"].tolist())


def _named(text: str | None, names: tuple[str, ...], y: str, shown: str) -> str | None:
    """The name behind a class number; -1 is the usual sign for a missing label."""
    number = {"false": 0, "true": 1}.get(text) if text in ("false", "true") else int(text or -1)
    if number == -1:
        return None
    if number is None or not 0 <= number < len(names):
        raise DataError(
            f"{y} in {shown} holds {text}, and labels has {len(names)} names",
            allowed=f"0 to {len(names) - 1}",
        )
    return names[number]
