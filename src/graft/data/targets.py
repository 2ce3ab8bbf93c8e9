"""Targets as arrays: from labels to numbers and back, whatever the tasks.

One column of classes gives (N,) class indices, -1 where the label is missing. Anything else gives
(N, W) float64, NaN where it is missing, the columns of the tasks side by side: one with the class
index, one per label (0 or 1), or one with the number; of translations one with their length in
characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graft.data.kinds import Label
from graft.data.labels import index_of
from graft.errors import DataError
from graft.types import FloatArray, IntArray, Targets, Task, slices

NO_LABEL = -1
QUANTILES = 10
"""Parts of equal size into which a quantity is cut, so that every side of a split has all of it."""
ROWS_A_QUANTILE = 10


def is_plain(tasks: Sequence[Task]) -> bool:
    """Whether the targets are class indices (N,); so they are where no task is named."""
    return not tasks or (len(tasks) == 1 and tasks[0].one_class)


def known_labels(task: Task, cells: Sequence[Label | None]) -> tuple[str, ...]:
    """The labels that occur: those declared in their order, else sorted naturally."""
    present: set[str] = set()
    for cell in cells:
        if isinstance(cell, str):
            present.add(cell)
        elif isinstance(cell, frozenset):
            present |= cell
    return tuple(n for n in task.labels if n in present) if task.labels else index_of(present)


def encode(tasks: Sequence[Task], cells: Sequence[Sequence[Label | None]]) -> Targets:
    """Targets of all rows.

    Args:
        tasks: T tasks with their labels.
        cells: T columns of N labels, each of its task's kind.
    """
    columns = [_encode(task, column) for task, column in zip(tasks, cells, strict=True)]
    return pack(tasks, columns)


def _encode(task: Task, cells: Sequence[Label | None]) -> Targets:
    if task.kind == "regression":
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    position = {name: number for number, name in enumerate(task.labels)}
    if task.one_class:
        numbers = [NO_LABEL if cell is None else position[str(cell)] for cell in cells]
        return np.array(numbers, dtype=np.int64)
    members = np.zeros((len(cells), len(position)))
    for row, cell in enumerate(cells):
        if isinstance(cell, frozenset):
            members[row, [position[name] for name in cell]] = 1
        else:
            members[row] = np.nan
    return members


def pack(tasks: Sequence[Task], columns: Sequence[Targets]) -> Targets:
    """The inverse of `unpack`."""
    if is_plain(tasks):
        return columns[0]
    wide = [
        np.where(column == NO_LABEL, np.nan, column) if task.one_class else column
        for task, column in zip(tasks, columns, strict=True)
    ]
    return np.column_stack([column.astype(np.float64) for column in wide])


def unpack(tasks: Sequence[Task], targets: Targets) -> list[Targets]:
    """The targets of each task: class indices (N,), labels (N, L) of 0 and 1, or numbers (N,).

    >>> pair = (Task("classification", ("a", "b")), Task("regression"))
    >>> [column.tolist() for column in unpack(pair, np.array([[1.0, 0.5], [np.nan, 2.0]]))]
    [[1, -1], [0.5, 2.0]]
    """
    if is_plain(tasks):
        return [targets]
    places = slices(task.width for task in tasks)
    return [_column(task, targets[:, place]) for task, place in zip(tasks, places, strict=True)]


def _column(task: Task, wide: FloatArray) -> Targets:
    if task.kind == "multi-label":
        return wide
    if task.is_scale:
        return np.asarray(wide[:, 0])
    return np.nan_to_num(wide[:, 0], nan=NO_LABEL).astype(np.int64)


def is_labelled(task: Task, column: Targets) -> npt.NDArray[np.bool_]:
    """(N,) whether a row has a label for this task; `column` is what `unpack` gives."""
    if task.one_class:
        return np.asarray(column != NO_LABEL)
    missing = np.isnan(column)
    return np.asarray(~(missing if missing.ndim == 1 else missing.any(axis=1)))


def support(task: Task, column: Targets) -> IntArray:
    """How many rows bear each label; empty for a quantity and for translations."""
    if task.is_scale:
        return np.zeros(0, dtype=np.int64)
    rows = column[is_labelled(task, column)]
    if task.kind == "multi-label":
        return np.asarray(rows.sum(axis=0), dtype=np.int64)
    return np.bincount(rows, minlength=len(task.labels)).astype(np.int64)


def recode(old: Task, new: Task, column: Targets, source: str) -> Targets:
    """The same labels counted in another list of labels.

    Args:
        old: What the column is counted in.
        new: A trained model's task of the same kind.
        column: As `unpack` gives it.
        source: Where it comes from, for messages.

    Raises:
        DataError: The kinds differ, or a row bears a label that is not among the new ones.
    """
    if old.kind != new.kind and not (old.one_class and new.one_class):
        raise DataError(
            f"{source} holds labels for {old.kind} in column '{old.name}'",
            allowed=f"labels for {new.kind}",
            next="name the column with --label",
        )
    if old.is_scale:
        return column
    counts = support(old, column)
    borne = [name for name, count in zip(old.labels, counts, strict=True) if count]
    unknown = index_of(name for name in borne if name not in new.labels)
    if unknown:
        raise DataError(
            f"{source} holds labels that are not known: {listed(unknown)}",
            allowed=listed(new.labels),
            next="rename or remove them, or train a model with these classes",
        )
    position = {name: number for number, name in enumerate(new.labels)}
    if old.one_class:
        moved = np.array([position.get(name, NO_LABEL) for name in old.labels] + [NO_LABEL])
        return moved[column].astype(np.int64)
    members = np.zeros((len(column), len(new.labels)))
    for number, name in enumerate(old.labels):
        if name in position:
            members[:, position[name]] = column[:, number]
    members[~is_labelled(old, column)] = np.nan
    return members


def strata(tasks: Sequence[Task], targets: Targets) -> list[tuple[int, ...]]:
    """What each row counts for when a set is divided: its class, its labels, its part of a scale.

    With several labels or several tasks, every row counts for itself too, so that the parts keep
    their size (after Sechidis, Tsoumakas and Vlahavas 2011, whose labels are these strata).

    Args:
        tasks: The tasks.
        targets: Of the rows to be divided.

    Returns:
        Per row the numbers of its strata, counted from 0.
    """
    if is_plain(tasks):
        return [(number,) for number in targets.tolist()]
    alone = len(tasks) == 1 and tasks[0].is_scale
    members: list[list[int]] = [[] if alone else [0] for _ in range(len(targets))]
    start = 1
    for task, column in zip(tasks, unpack(tasks, targets), strict=True):
        rows = np.flatnonzero(is_labelled(task, column))
        for row, stratum in _strata(task, column, rows):
            members[row].append(start + stratum)
        start += max(len(task.labels), QUANTILES)
    return [tuple(row) for row in members]


def _strata(task: Task, column: Targets, rows: IntArray) -> list[tuple[int, int]]:
    """Pairs of row and stratum."""
    if task.kind == "multi-label":
        at, label = np.nonzero(column[rows])
        return list(zip(rows[at].tolist(), label.tolist(), strict=True))
    if task.one_class:
        return list(zip(rows.tolist(), column[rows].tolist(), strict=True))
    if not len(rows):
        return []
    parts = max(1, min(QUANTILES, len(rows) // ROWS_A_QUANTILE))
    edges = np.quantile(column[rows], np.linspace(0, 1, parts + 1)[1:-1])
    place = np.searchsorted(edges, column[rows], side="right")
    return list(zip(rows.tolist(), place.tolist(), strict=True))


def shown_labels(tasks: Sequence[Task], targets: Targets) -> list[str | None]:
    """What each row bears, in words; None for nothing at all.

    >>> shown_labels((Task("multi-label", ("a", "b")),), np.array([[1.0, 1.0], [0.0, 0.0]]))
    ['a, b', '(none)']
    """
    columns = unpack(tasks, targets)
    shown = [_shown(task, column) for task, column in zip(tasks, columns, strict=True)]
    if len(shown) == 1:
        return shown[0]
    parts = [
        [f"{task.name}: {cell}" for task, cell in zip(tasks, row, strict=True) if cell is not None]
        for row in zip(*shown, strict=True)
    ]
    return ["; ".join(part) or None for part in parts]


def _shown(task: Task, column: Targets) -> list[str | None]:
    if task.kind == "regression":
        return [None if np.isnan(number) else f"{number:g}" for number in column.tolist()]
    if task.one_class:
        return [None if number < 0 else task.labels[number] for number in column.tolist()]
    rows = zip(column, is_labelled(task, column).tolist(), strict=True)
    return [_names(task, row) if known else None for row, known in rows]


def _names(task: Task, row: FloatArray) -> str:
    return ", ".join(task.labels[number] for number in np.flatnonzero(row)) or "(none)"


def listed(names: Sequence[str], most: int = 20) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"
