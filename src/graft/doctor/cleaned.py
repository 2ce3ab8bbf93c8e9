"""A cleaned list: the rows that a training can use, as a table beside the untouched data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from graft.data.examples import TRANSLATION, Input
from graft.data.pictures import FilePicture
from graft.data.texts import Text
from graft.doctor.finding import Finding
from graft.doctor.patient import Patient
from graft.errors import DataError, OutputError

PAIR_COLUMNS = ("source", "target")


def write_cleaned(patient: Patient, findings: Sequence[Finding], path: Path) -> int:
    """Write a CSV of paths or texts, labels, parts and groups without the rows that findings drop.

    Unreadable and blank pictures, texts without a word, the later ones of equal copies and all rows
    of one content under two labels are dropped. The data themselves are not touched.

    Returns:
        How many rows were written.

    Raises:
        DataError: The pictures are no files, or there are several label columns.
        OutputError: The file exists or cannot be written.
    """
    if not all(isinstance(item, (FilePicture, Text)) for item in patient.examples.inputs):
        raise DataError(
            f"The pictures of {patient.examples.source} are not files of their own",
            allowed="texts, a folder of pictures, or a table of paths",
            next="leave --fix away and repair the source",
        )
    if len(patient.examples.tasks) > 1:
        raise DataError(
            f"{patient.examples.source} was read with several label columns",
            allowed="one label column",
            next="leave --fix away and remove the rows from the table",
        )
    dropped = {row for finding in findings for row in finding.drop}
    kept = [row for row in range(len(patient.examples)) if row not in dropped]
    text = _table(patient, kept)
    try:
        with path.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
    except OSError as problem:
        raise OutputError(
            f"The cleaned list {path} cannot be written ({problem.strerror})",
            allowed="a file that does not exist yet, in a folder that you may write to",
            next="choose another name with --fix",
        ) from problem
    return len(kept)


def _table(patient: Patient, rows: Sequence[int]) -> str:
    examples = patient.examples
    several = any(examples.parts)
    pairs = examples.modality == TRANSLATION
    header = [*(PAIR_COLUMNS if pairs else [*_columns(examples.inputs), "label"])]
    header += ["split"] if several else []
    header += [] if examples.groups is None else ["group"]
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    table.writerow(header)
    for row in rows:
        cells: list[object] = [*_cells(examples.inputs[row])]
        cells += [] if pairs else [_label(patient, row)]
        cells += [examples.parts[row]] if several else []
        cells += [] if examples.groups is None else [int(examples.groups[row])]
        table.writerow(cells)
    return text.getvalue()


def _columns(inputs: Sequence[Input]) -> list[str]:
    """Names that `fit` knows without being told."""
    if not any(isinstance(item, Text) for item in inputs):
        return ["path"]
    pairs = any(isinstance(item, Text) and item.second is not None for item in inputs)
    return ["text_a", "text_b"] if pairs else ["text"]


def _cells(item: Input) -> list[str]:
    if isinstance(item, Text):
        return [item.content] if item.second is None else [item.content, item.second]
    assert isinstance(item, FilePicture)
    return [str(item.path.resolve())]


def _label(patient: Patient, row: int) -> str:
    """The label as a cell that is read back as the same: a name, a number, or a list."""
    task, target = patient.examples.tasks[0], patient.examples.targets[row]
    if task.one_class:
        return task.labels[int(target)]
    if task.kind == "regression":
        return repr(float(target[0]))
    names = [name for name, mark in zip(task.labels, target, strict=True) if mark]
    return json.dumps(names, ensure_ascii=False)
