"""A cleaned list: the rows that a training can use, as a table beside the untouched data."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from graft.data.pictures import FilePicture
from graft.doctor.finding import Finding
from graft.doctor.patient import Patient
from graft.errors import DataError, OutputError


def write_cleaned(patient: Patient, findings: Sequence[Finding], path: Path) -> int:
    """Write a CSV of paths, labels, parts and groups without the rows that findings drop.

    Unreadable and blank pictures, the later ones of equal copies and all pictures under two labels
    are dropped. The data themselves are not touched.

    Returns:
        How many rows were written.

    Raises:
        DataError: The pictures are no files, or there are several label columns.
        OutputError: The file exists or cannot be written.
    """
    if not all(isinstance(picture, FilePicture) for picture in patient.examples.pictures):
        raise DataError(
            f"The pictures of {patient.examples.source} are not files of their own",
            allowed="a folder, or a table of paths",
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
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as problem:
        raise OutputError(
            f"The cleaned list {path} cannot be written ({problem.strerror})",
            allowed="a file that does not exist yet, in a folder that you may write to",
            next="choose another name with --fix",
        ) from problem
    return len(kept)


def _table(patient: Patient, rows: Sequence[int]) -> str:
    examples, labels = patient.examples, patient.labels()
    several = any(examples.parts)
    header = ["path", "label", *(["split"] if several else [])]
    header += [] if examples.groups is None else ["group"]
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        picture = examples.inputs[row]
        assert isinstance(picture, FilePicture)
        cells: list[object] = [str(picture.path.resolve()), labels[row]]
        cells += [examples.parts[row]] if several else []
        cells += [] if examples.groups is None else [int(examples.groups[row])]
        table.writerow(cells)
    return text.getvalue()
