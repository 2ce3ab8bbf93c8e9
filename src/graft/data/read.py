"""One door for every kind of data: looks at the source and calls the reader for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from graft.data.arrays import read_arrays
from graft.data.cifar import is_cifar, read_cifar
from graft.data.columns import Wanted, read_columns
from graft.data.examples import IMAGE, TEXT, TRANSLATION, Examples, Input, SetAside, join_test
from graft.data.folders import PICTURE_EXTENSIONS, read_flat, read_folder
from graft.data.huggingface import PREFIX, dataset_columns, download, is_dataset
from graft.data.lists import columns_of, is_columns
from graft.data.pairs import read_pairs, read_sources
from graft.data.pictures import (
    ArrayPicture,
    BytesPicture,
    FilePicture,
    ImagePicture,
)
from graft.data.shown import is_whole
from graft.data.shown import shown as printable
from graft.data.tables import TABLES, read_table
from graft.data.targets import is_labelled, unpack
from graft.data.texts import TEXT_EXTENSIONS, Text, read_text
from graft.data.unreadable import Unreadable
from graft.errors import DataError

_ARRAYS = ".npz"
NO_TEXT = "there is no text"
_KINDS = (
    "a folder of class folders, a CIFAR folder, a .csv, .tsv, .jsonl, .ndjson, .parquet or .npz "
    "file, a Hugging Face Dataset or DatasetDict, hf:NAME, a dict of columns, or (inputs, labels)"
)


def read(
    source: object,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name for it
    label: str | None = None,
    group: str | None = None,
    test: object = None,
    labelled: bool = True,
    min_classes: int = 2,
    labels: Sequence[str] = (),
    task: str | None = None,
    modality: str | None = None,
    every_row: bool = False,
    languages: tuple[str | None, str | None] = (None, None),
    remembered: tuple[str | None, str | None] = (None, None),
) -> Examples:
    """Reads a labelled set of pictures or texts, whatever it is stored as.

    Nothing is decoded here: pictures that cannot be opened show when they are.

    Args:
        source: A path (folder or file), a Hugging Face object, `hf:NAME`, a dict of columns, a
            list of dicts, a tuple of inputs and labels, or what this function returned before.
        input: The column of paths, pictures or texts, or two columns of texts with a comma
            between them; found when None.
        label: The column of class names (`fine` or `coarse` for CIFAR-100); found when None.
        group: The column whose values must stay on one side of a split.
        test: Another source, which becomes the test part; its labels must be known.
        labelled: False reads pictures alone.
        min_classes: With fewer classes the data cannot be learned from; 1 for data that a
            trained model is only tried on.
        labels: Several label columns, one task each, instead of `label`.
        task: The kind of task, or one per label column with commas between them; found when None.
        modality: `image`, `text` or `translation`, where something else than the data decides it.
        every_row: Whether rows of a table that cannot be read, or have no label, keep their place.
        languages: Of translation, codes of the two languages, after which columns may be named.
        remembered: Input and label column that a model was trained on: taken where a table has
            them and no others are named.

    Raises:
        DataError: The source does not exist or is not what is allowed.
        NetworkError: A download failed.
    """
    columns = tuple(labels)
    wanted = Wanted(input, label, group, labelled, columns, task, modality, every_row, remembered)
    if modality == TRANSLATION:
        return read_pairs(source, wanted, test, languages)
    examples = _read_one(source, wanted)
    if modality is not None and examples.modality != modality:
        kinds = {IMAGE: "pictures", TEXT: "texts"}
        raise DataError(
            f"{examples.source} holds {kinds[examples.modality]}, and the backbone takes "
            f"{kinds[modality]}",
            allowed=f"data of {kinds[modality]}",
            next="name another --backbone, or leave it out",
        )
    if labelled:
        _check_variety(examples, min_classes)
    if test is None:
        return examples
    folder = isinstance(test, (str, Path)) and Path(test).expanduser().is_dir()
    wanted = replace(wanted, modality=examples.modality)
    plain = Wanted(labelled=labelled, modality=examples.modality)
    return join_test(examples, _read_one(test, plain if folder else wanted))


def _check_variety(examples: Examples, fewest: int) -> None:
    """Refuse label columns that say the same of every row."""
    several = len(examples.tasks) > 1
    columns = unpack(examples.tasks, examples.targets)
    for task, column in zip(examples.tasks, columns, strict=True):
        where = f", column '{task.name}'," if several else ""
        if task.one_class and len(task.labels) < fewest:
            raise DataError(
                f"{examples.source}{where} holds {len(task.labels)} class: "
                f"{', '.join(task.labels) or 'no labelled rows'}",
                allowed=f"at least {fewest} classes",
                next="add examples of another class, such as 'other'",
            )
        known = column[is_labelled(task, column)]
        if not task.one_class and fewest > 1 and len(np.unique(known, axis=0)) < 2:
            shown = f"{known[0]:g}" if task.kind == "regression" else "the same labels"
            raise DataError(
                f"Column '{task.name}' of {examples.source} holds {shown} in every row",
                allowed="labels that differ from row to row",
                next="name another column with --label",
            )


def read_inputs(sources: Sequence[object], modality: str = IMAGE) -> tuple[Input, ...]:
    """The inputs to predict, in the order given; a missing file fails when it is opened.

    Args:
        sources: Folders, tables, Hugging Face objects; pictures as files, `.npz` files, encoded
            bytes, PIL images, arrays of one (H, W[, C]) or several (N, H, W, C); texts as strings,
            pairs of strings or `.txt` files.
        modality: `image`, `text` or `translation`: what the model takes.

    Raises:
        DataError: There are none, or an input is of another kind.
    """
    alone = isinstance(sources, (str, bytes, Path, np.ndarray, Image.Image)) or is_dataset(sources)
    several = [sources] if alone else list(sources)
    readers = {TEXT: _text_inputs, TRANSLATION: _source_inputs}
    reader = readers.get(modality, _inputs)
    found = [item for n, one in enumerate(several) for item in reader(one, f"input {n}")]
    if not found:
        raise DataError("No inputs were given", allowed=f"picture files, texts, or {_KINDS}")
    return tuple(found)


def _read_one(source: object, wanted: Wanted) -> Examples:
    if isinstance(source, Examples):
        return source
    if is_dataset(source):
        return _read_dataset(source, "the data set", wanted)
    if is_columns(source):
        return read_columns([columns_of(source)], wanted)
    if not isinstance(source, (str, Path)):
        raise DataError(f"A {type(source).__name__} was given as data", allowed=_KINDS)
    if str(source).startswith(PREFIX):
        return _read_dataset(download(str(source)), str(source), wanted)
    path = Path(source).expanduser()
    if not path.exists():
        raise _missing(path, str(source))
    return _read_folder(path, str(source), wanted) if path.is_dir() else _read_file(path, wanted)


def _read_dataset(dataset: Any, shown: str, wanted: Wanted) -> Examples:
    tables, left_out = dataset_columns(dataset, shown)
    return _with_set_aside(read_columns(tables, wanted), left_out)


def _with_set_aside(examples: Examples, left_out: list[SetAside]) -> Examples:
    return replace(examples, set_aside=tuple(left_out) + examples.set_aside)


def _read_folder(path: Path, shown: str, wanted: Wanted) -> Examples:
    if wanted.task not in (None, "classification", "ordinal"):
        raise DataError(
            f"{shown} is a folder, which says one class per picture, and the task is {wanted.task}",
            allowed="classification or ordinal; other tasks take a table with a label column",
            next="give a CSV, JSON lines or Parquet table that names the pictures",
        )
    if is_cifar(path):
        return read_cifar(path, shown, label=wanted.label)
    given = {"input": wanted.input, "label": wanted.label, "group": wanted.group}
    given["labels"] = ",".join(wanted.labels) or None
    named = [role for role, column in given.items() if column is not None]
    if named:
        raise DataError(
            f"{shown} is a folder, which has no columns, and --{named[0]} names one",
            allowed="columns of a table",
            next="leave the option away, or give a table that names the pictures",
        )
    reader = read_folder if wanted.labelled else read_flat
    return reader(path, shown, wanted.modality)


def _read_file(path: Path, wanted: Wanted) -> Examples:
    extension = path.suffix.lower()
    if extension in TABLES:
        return read_columns([read_table(path, str(path))], wanted)
    if extension == _ARRAYS:
        named = wanted.labels or ((wanted.label,) if wanted.label else ())
        return read_arrays(
            path, str(path), labelled=wanted.labelled, columns=named, task=wanted.task
        )
    raise DataError(
        f"{path} is a file of an unknown kind ('{path.suffix}')", allowed=_KINDS, next=_advice(path)
    )


def _advice(path: Path) -> str:
    if path.suffix.lower() in PICTURE_EXTENSIONS:
        return "give the folder that holds the class folders, not a single picture"
    if path.suffix.lower() in {".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z"}:
        return "unpack it and give the folder"
    return "convert it to one of these"


def _missing(path: Path, shown: str) -> DataError:
    parent = path.parent
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = get_close_matches(path.name, names, n=3)
    if near:
        advice = "did you mean " + " or ".join(f"'{parent / name}'" for name in near) + "?"
    elif not parent.is_dir():
        advice = f"check the path: the folder {parent} does not exist either"
    else:
        advice = f"check the path, or write hf:{shown} for a data set on the Hugging Face hub"
    return DataError(f"{shown} does not exist", allowed=_KINDS, next=advice)


def _text_inputs(source: object, name: str) -> Sequence[Input]:
    """A string is a text, unless it names a folder, a table or a `.txt` file that is there."""
    plain = Wanted(labelled=False, modality=TEXT)
    if isinstance(source, str) and not source.strip():  # else it would name this folder
        return [Unreadable(source, NO_TEXT)]
    if isinstance(source, (str, Path)):
        return _written(source, plain)
    if isinstance(source, (tuple, list)) and [type(part) for part in source] == [str, str]:
        return [_said(source[0], " | ".join(source), source[1])]
    if is_dataset(source):
        return _read_one(source, plain).inputs
    if isinstance(source, Text):
        return [source]
    if source is None or (isinstance(source, (tuple, list)) and None in source):
        return [Unreadable(name, NO_TEXT)]
    raise DataError(
        f"A {type(source).__name__} was given as {name}",
        allowed=f"texts, pairs of texts, .txt files, or {_KINDS}",
    )


def _written(source: str | Path, plain: Wanted) -> Sequence[Input]:
    path = _existing(source)
    if path is None:
        return [_said(str(source), str(source))]
    if path.suffix.lower() not in TEXT_EXTENSIONS or path.is_dir():
        return _read_one(path, plain).inputs
    try:
        return [read_text(path, printable(str(source)))]
    except DataError as fault:
        return [Unreadable(printable(str(source)), fault.found)]


def _said(content: str, name: str, second: str | None = None) -> Input:
    """A text that was given as it is; an empty one is no text."""
    parts = [content] if second is None else [content, second]
    if not all(part.strip() for part in parts):
        return Unreadable(name, NO_TEXT)
    if not all(map(is_whole, parts)):
        return Unreadable(printable(name), "the text holds half of a character")
    return Text(content, name, second)


def _source_inputs(source: object, name: str) -> Sequence[Input]:
    """A string is a text to be translated; a `.txt` file holds one in every line."""
    plain = Wanted(labelled=False, modality=TRANSLATION)
    if isinstance(source, str) and not source.strip():  # as a path it would be this folder
        return [Unreadable(source, NO_TEXT)]
    if isinstance(source, (str, Path)):
        path = _existing(source)
        if path is None:
            return [_said(str(source), str(source))]
        if path.suffix.lower() not in TEXT_EXTENSIONS or path.is_dir():
            return read_sources(path, plain)
        try:
            lines = read_text(path, str(source)).content.removesuffix("\n").split("\n")
        except DataError as fault:
            return [Unreadable(printable(str(source)), fault.found)]
        return [_said(line, line or f"line {number}") for number, line in enumerate(lines, 1)]
    if isinstance(source, Text):
        return [source]
    if is_dataset(source):
        return read_sources(source, plain)
    raise DataError(
        f"A {type(source).__name__} was given as {name}",
        allowed="texts, .txt files with one in every line, or tables with a column of texts",
    )


def _existing(source: str | Path) -> Path | None:
    """The folder, table or text file that is named, or None for a text; a table must be there.

    A text file that is not there is told when it is read, as pictures are.
    """
    path, known = Path(source).expanduser(), {*TABLES, *TEXT_EXTENSIONS}
    named = path.suffix.lower() in known and len(str(source).split()) == 1
    try:
        if path.is_dir() or (path.suffix.lower() in known and path.exists()):
            return path
    except (OSError, ValueError):  # too long, or a NUL, for a path
        return None
    if named and path.suffix.lower() in TEXT_EXTENSIONS:
        return path
    if named or isinstance(source, Path):
        raise _missing(path, str(source))
    return None


def _inputs(source: object, name: str) -> Sequence[Input]:
    if isinstance(source, (str, Path)) and not str(source).startswith(PREFIX):
        return _path_inputs(Path(source).expanduser(), str(source))
    if isinstance(source, str) or is_dataset(source):
        return _read_one(source, Wanted(labelled=False, modality=IMAGE)).inputs
    if isinstance(source, Image.Image):
        return [ImagePicture(source, name)]
    if isinstance(source, (bytes, bytearray)):
        return [BytesPicture(bytes(source), name)]
    if isinstance(source, np.ndarray):
        return _array_inputs(source, name)
    if isinstance(source, (FilePicture, BytesPicture, ArrayPicture, ImagePicture)):
        return [source]
    raise DataError(
        f"A {type(source).__name__} was given as {name}", allowed=f"pictures as files, {_KINDS}"
    )


def _path_inputs(path: Path, shown: str) -> Sequence[Input]:
    if path.is_dir() or path.suffix.lower() in {*TABLES, _ARRAYS}:
        return _read_one(path, Wanted(labelled=False, modality=IMAGE)).inputs
    return [FilePicture(path, printable(shown))]


def _array_inputs(array: np.ndarray[Any, Any], name: str) -> Sequence[Input]:
    """One picture, or N of them; three dimensions are one picture if the last is its colours."""
    one = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if one or array.ndim not in (3, 4):
        return [ArrayPicture(array, name)]
    return [ArrayPicture(pixels, f"{name}[{row}]") for row, pixels in enumerate(array)]
