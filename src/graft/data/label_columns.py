"""One or several label columns: the task that each asks for, and the label of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graft.data.kinds import Label, find_kind, kinds_named, read_labels
from graft.errors import DataError
from graft.types import Task

RowLabel = Label | tuple[Label | None, ...] | None
"""What a row says: one label, or with several columns a tuple of them; None for nothing at all."""


def read_label_columns(
    columns: Mapping[str, Sequence[object]],
    declared: Mapping[str, tuple[str, ...]],
    task: str | None,
) -> tuple[tuple[Task, ...], list[RowLabel]]:
    """The tasks, with the class names where they are declared, and each row's labels.

    Args:
        columns: Column name to its N cells, in the order of the tasks.
        declared: For columns of class numbers, what the numbers stand for.
        task: See `graft.data.kinds.kinds_named`.

    Raises:
        DataError: The kind of a column is not clear, a cell is not of its kind, or one of
            several columns is empty.

    >>> tasks, rows = read_label_columns({"a": ["x", "y"], "b": [0.5, None]}, {}, None)
    >>> [task.kind for task in tasks], rows
    (['classification', 'regression'], [('x', 0.5), ('y', None)])
    """
    kinds = kinds_named(task, len(columns))
    tasks, read = [], []
    for (name, cells), kind in zip(columns.items(), kinds, strict=True):
        names = declared.get(name, ())
        found = kind or ("classification" if names else find_kind(cells, name))
        labels = read_labels(cells, name, found)
        if len(columns) > 1 and all(label is None for label in labels):
            raise DataError(
                f"Column '{name}' holds no labels: all of its {len(labels)} cells are empty",
                allowed="labels in at least some rows",
                next="fill the column, or name another",
            )
        read.append([_declared(label, names, name) for label in labels] if names else labels)
        tasks.append(Task(found, names if found != "regression" else (), name))
    return tuple(tasks), [_row(cells) for cells in zip(*read, strict=True)]


def _row(cells: tuple[Label | None, ...]) -> RowLabel:
    if len(cells) == 1:
        return cells[0]
    return cells if any(cell is not None for cell in cells) else None


def _declared(label: Label | None, names: tuple[str, ...], column: str) -> Label | None:
    if isinstance(label, frozenset):
        found = (_class_name(number, names, column) for number in label)
        return frozenset(name for name in found if name is not None)
    return _class_name(label, names, column) if isinstance(label, str) else label


def _class_name(text: str, names: tuple[str, ...], column: str) -> str | None:
    """The name behind a class number; -1 is the usual sign for a hidden label."""
    if text == "-1":
        return None
    if text.isdecimal() and int(text) < len(names):
        return names[int(text)]
    raise DataError(
        f"Column '{column}' holds class number {text}, and declares {len(names)} class names",
        allowed=f"0 to {len(names) - 1}",
    )
