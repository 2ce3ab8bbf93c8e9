"""The doctor's visit: the checks on a data set, a forecast, and a rehearsal of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone, modality_of
from graft.bank import bank_folder
from graft.data import Examples, read
from graft.data.columns import Columns, Wanted, roles
from graft.data.examples import TEXT, TRANSLATION
from graft.data.lists import columns_of, is_columns
from graft.data.tables import TABLES, read_table
from graft.doctor import Finding, Patient, examine
from graft.doctor.checks.columns import look_at_columns
from graft.doctor.cleaned import write_cleaned
from graft.doctor.diagnose import look_at
from graft.doctor.forecast import Forecast, disk, forecast
from graft.errors import DataError, OutputError, ResourceError, UserError
from graft.model import load
from graft.progress import Progress, Silent
from graft.recipe import make_recipe
from graft.run import run
from graft.runs.input_side import choose_size
from graft.runs.modality import parts_of
from graft.types import IntArray, Json

REHEARSED_CLASSES, REHEARSED_EACH = 8, 4
REHEARSED_ROWS = 24
ROLE_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class Checkup:
    """What the doctor found.

    Attributes:
        source: The data, as the user named it.
        rows: How many rows were looked at.
        findings: Faults first, then notes.
        columns: Of a table: column to its role and some of its cells.
        forecast: What a run will take; None where the data cannot be read.
        rehearsed: Whether one small run trained, was evaluated, saved, loaded and asked.
        cleaned: Where the cleaned list was written, and its rows; None without one.
    """

    source: str
    rows: int
    findings: tuple[Finding, ...]
    columns: Json
    forecast: Forecast | None
    rehearsed: bool
    cleaned: tuple[Path, int] | None = None

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that make a model or its figures worse."""
        return tuple(finding for finding in self.findings if finding.severity == "fault")

    def to_dict(self) -> Json:
        """What `--json` prints."""
        return {
            "source": self.source,
            "rows": self.rows,
            "faults": len(self.faults),
            "notes": len(self.findings) - len(self.faults),
            "findings": [finding.to_dict() for finding in self.findings],
            "columns": self.columns,
            "forecast": self.forecast.to_dict() if self.forecast else None,
            "rehearsed": self.rehearsed,
            "cleaned": {"file": str(self.cleaned[0]), "rows": self.cleaned[1]}
            if self.cleaned
            else None,
        }


def check_up(
    data: object,
    wanted: Wanted,
    *,
    test: object = None,
    backbone: str | None = None,
    weights: str = "pretrained",
    size: int | None = None,
    fix: Path | None = None,
    rehearse: bool = True,
    progress: Progress | None = None,
) -> Checkup:
    """Check a data set before anything costs; nothing is changed.

    Args:
        data: Any source that `fit` takes.
        wanted: The columns that the user named.
        test: Another source as the test part.
        backbone: Whose preprocessing and speed count; None takes that of `fit`.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels instead of the checkpoint's own.
        fix: Where a cleaned list is written.
        rehearse: Whether a small run is carried out in a temporary folder.
        progress: Told how far the work is.

    Raises:
        UserError: The data do not exist, or a name or the machine is at fault.
    """
    listener = progress or Silent()
    pairs = wanted.task == TRANSLATION
    if pairs or backbone is not None:
        wanted = replace(wanted, modality=TRANSLATION if pairs else modality_of(str(backbone)))
    try:
        table = None if pairs else _table(data)
        columns = {} if table is None else roles(table, wanted)
        examples = _read(data, wanted, test)
    except DataError as problem:
        if isinstance(data, (str, Path)) and not Path(data).expanduser().exists():
            raise
        advice = problem.next or f"allowed: {problem.allowed}"
        fault = Finding("unreadable-source", "fault", problem.found, 1, advice)
        return Checkup(str(data), 0, (fault,), {}, None, rehearsed=False)
    name = backbone or parts_of(examples.modality).backbone
    model = _loaded(name, weights, size, examples)
    patient = look_at(examples, model, listener)
    findings = examine(patient)
    if table is not None:
        findings += tuple(look_at_columns(table.cells, columns, examples.modality == TEXT))
    expected = None if model is None else forecast(model, patient, bank_folder())
    findings += tuple(disk(expected)) if expected else ()
    rehearsed = False
    pointless = model is None or any(finding.check == "one-class" for finding in findings)
    if rehearse and not pointless:
        failed, rehearsed = _rehearse(patient, name, weights, size)
        findings += failed
    findings = tuple(sorted(findings, key=lambda finding: finding.severity))
    cleaned = (fix, write_cleaned(patient, findings, fix)) if fix else None
    shown = {} if table is None else _shown_columns(table, columns)
    return Checkup(examples.source, len(examples), findings, shown, expected, rehearsed, cleaned)


def _loaded(name: str, weights: str, size: int | None, examples: Examples) -> Backbone | None:
    """The backbone; None of pairs of texts where none is named, since none comes with graft."""
    if examples.modality != TRANSLATION:
        return load_backbone(name, weights=weights, size=choose_size(name, size, examples))
    if not name:
        return None
    chosen = {"backbone": name, "weights": weights, "size": size, "task": TRANSLATION}
    return parts_of(TRANSLATION).load(make_recipe(chosen))


def _read(data: object, wanted: Wanted, test: object) -> Examples:
    return read(
        data,
        input=wanted.input,
        label=wanted.label,
        group=wanted.group,
        labels=wanted.labels,
        task=wanted.task,
        modality=wanted.modality,
        test=test,
        min_classes=1,
    )


def _table(data: object) -> Columns | None:
    """The columns, where the data are a table."""
    if is_columns(data):
        return columns_of(data)
    path = Path(data).expanduser() if isinstance(data, (str, Path)) else None
    if path is None or path.suffix.lower() not in TABLES or not path.is_file():
        return None
    return read_table(path, str(path))


def _shown_columns(table: Columns, found: Mapping[str, str]) -> Json:
    """What each column of a table is taken for, with its first cells."""
    return {
        name: {"role": role, "examples": [str(c)[:60] for c in table.cells[name][:ROLE_EXAMPLES]]}
        for name, role in found.items()
    }


def _rehearse(
    patient: Patient, backbone: str, weights: str, size: int | None
) -> tuple[tuple[Finding, ...], bool]:
    """One small run through train, evaluate, save, load and predict, in a temporary folder.

    Returns:
        What failed, and whether a run went through.
    """
    rows = _few(patient)
    if not len(rows):
        return (), False
    pairs = patient.examples.modality == TRANSLATION
    recipe = make_recipe(
        {
            "backbone": backbone,
            "weights": weights,
            "size": size,
            "strategy": "full" if pairs else "lp-ft",
            "task": TRANSLATION if pairs else None,
            "epochs": 1,
            "batch_size": 8,
            "validation": 0.0,
        }
    )
    examples = patient.examples.take(rows).without_empty_classes()
    try:
        with tempfile.TemporaryDirectory(prefix="graft-doctor-") as folder:
            run(recipe, data=examples, out=Path(folder) / "run")
            load(Path(folder) / "run").predict([examples.inputs[0]])
    except (OutputError, ResourceError):
        raise
    except UserError as problem:
        what = f"A small run on {len(rows)} of the rows failed: {problem.found}"
        advice = problem.next or problem.allowed
        return (Finding("rehearsal", "fault", what, 1, advice),), False
    return (), True


def _few(patient: Patient) -> IntArray:
    """Some rows that can be opened, of some classes where there are any, over all parts."""
    readable = patient.readable()
    if not patient.has_classes():
        places = np.linspace(0, len(readable) - 1, min(len(readable), REHEARSED_ROWS))
        return readable[places.astype(np.int64)]
    labels = patient.labels()
    chosen: dict[str | None, list[int]] = {}
    for row in sorted(readable, key=lambda row: (patient.examples.parts[row] == "test", row)):
        if len(chosen) < REHEARSED_CLASSES or labels[row] in chosen:
            chosen.setdefault(labels[row], []).append(int(row))
    usable = {name: rows for name, rows in chosen.items() if len(rows) > 1}
    picked: Sequence[int] = [
        row for rows in usable.values() for row in (*rows[: REHEARSED_EACH - 1], rows[-1])
    ]
    return np.array(sorted(set(picked)), dtype=np.int64)
