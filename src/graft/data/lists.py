"""Plain Python values as columns: a dict of lists, a list of dicts, or inputs and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from graft.data.columns import Columns
from graft.data.roles import GIVEN
from graft.errors import DataError

SHOWN = "the lists"
_ALLOWED = (
    "{'text': [...], 'label': [...]}, [{'text': ..., 'label': ...}, ...], or (inputs, labels), "
    "all of one length"
)


def is_columns(source: object) -> bool:
    """Whether an object is one of the forms that `columns_of` takes."""
    if isinstance(source, Mapping):
        return True
    if not isinstance(source, (list, tuple)) or not source:
        return False
    rows = all(isinstance(row, Mapping) for row in source)
    pair = len(source) == 2 and all(isinstance(part, (list, tuple)) for part in source)
    return rows or pair


def columns_of(source: object) -> Columns:
    """The columns of plain Python values.

    Args:
        source: A dict of lists, a list of dicts, or a tuple of inputs and labels.

    Raises:
        DataError: The columns differ in length, or are empty.

    >>> sorted(columns_of((["good", "bad"], [1, 0])).cells)
    ['input', 'label']
    """
    cells = {name: list(column) for name, column in _cells(source).items()}
    lengths = {name: len(column) for name, column in cells.items()}
    if not lengths or len(set(lengths.values())) > 1 or not max(lengths.values()):
        found = ", ".join(f"{name} has {count}" for name, count in lengths.items())
        raise DataError(f"The columns do not fit: {found or 'none were given'}", allowed=_ALLOWED)
    return Columns(SHOWN, Path.cwd(), cells)


def _cells(source: object) -> Mapping[str, Sequence[object]]:
    if isinstance(source, Mapping):
        for name, column in source.items():
            if isinstance(column, (str, bytes)) or not isinstance(column, Sequence):
                raise DataError(
                    f"Column '{name}' is a {type(column).__name__}", allowed=f"lists: {_ALLOWED}"
                )
        return {str(name): column for name, column in source.items()}
    assert isinstance(source, (list, tuple))
    if isinstance(source[0], Mapping):
        names = dict.fromkeys(str(name) for row in source for name in row)
        return {name: [row.get(name) for row in source] for name in names}
    inputs, labels = source
    if inputs and all(isinstance(item, (list, tuple)) and len(item) == 2 for item in inputs):
        first, second = zip(*inputs, strict=True)
        return {"text_a": first, "text_b": second, "label": labels}
    return {GIVEN: inputs, "label": labels}
