"""Label columns: which kind of task a column asks for, and what its cells say."""

from __future__ import annotations

import ast
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from graft.data.labels import is_fraction, is_integer, label_texts
from graft.errors import DataError, unknown_name
from graft.types import KINDS, Kind

Label = str | frozenset[str] | float
"""A class name, a set of labels, or a number."""

SEPARATORS = ("|", ";")
NAMED_SEPARATORS = (*SEPARATORS, ",")
"""A comma stands in many names, so it only separates where the user says `multi-label`."""
MOST_CERTAIN_CLASSES = 20
ROWS_A_CLASS = 5
"""Whole numbers with more distinct values, and fewer rows each, may be classes or a quantity."""


def kinds_named(task: str | None, columns: int) -> tuple[Kind | None, ...]:
    """The kinds that a user names, one per label column; None stands for "find out".

    Args:
        task: A kind, or one per column with commas between them; None for none named.
        columns: How many label columns there are.

    Raises:
        UnknownNameError: No such kind.
        DataError: Neither one kind nor one per column.

    >>> kinds_named("classification,regression", 2), kinds_named(None, 1)
    (('classification', 'regression'), (None,))
    """
    if task is None:
        return (None,) * columns
    named = [part.strip() for part in task.split(",")]
    known: dict[str, Kind] = {kind: kind for kind in KINDS}
    for name in named:
        if name not in known:
            raise unknown_name("task", name, KINDS)
    if len(named) == 1:
        named *= columns
    if len(named) != columns:
        raise DataError(
            f"{len(named)} tasks are named for {columns} label columns: {task}",
            allowed="one task for all columns, or one for each",
            next="name as many as --labels has columns, in their order",
        )
    return tuple(known[name] for name in named)


def find_kind(values: Sequence[object], column: str) -> Kind:
    """The kind of task that a column's cells ask for.

    Lists, and texts with a mark such as `|` between labels that also stand alone or with others,
    are `multi-label`; fractions are `regression`; all else is `classification`.

    Args:
        values: The cells.
        column: The column's name, for messages.

    Raises:
        DataError: It is not clear: many whole numbers, or marks that may belong to the names.
    """
    present = [value for value in values if not is_missing(value)]
    if any(_as_list(value) is not None for value in present):
        return "multi-label"
    if not all(
        isinstance(value, (str, int, float, np.number, np.bool_, bytes)) for value in present
    ):
        return "classification"  # whose reader says what is wrong with the cell
    texts = [str(value).strip() for value in present]
    if present and all(map(_is_number, present)):
        return _kind_of_numbers(texts, column)
    separator = _separator(texts, SEPARATORS)
    return "classification" if separator is None else _kind_of_marked(texts, separator, column)


def read_labels(values: Sequence[object], column: str, kind: Kind) -> list[Label | None]:
    """What the cells say, as this kind of task; None where a label is missing.

    Args:
        values: The cells.
        column: The column's name, for messages.
        kind: See `find_kind`.

    Raises:
        DataError: A cell is not of this kind.
    """
    return _READERS[kind](values, column)


def is_missing(value: object) -> bool:
    """Whether a cell is empty: None, NaN or blank text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def _is_number(value: object) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    return is_integer(str(value).strip()) or is_fraction(str(value).strip())


def _kind_of_numbers(texts: Sequence[str], column: str) -> Kind:
    numbers = [float(text) for text in texts]
    if not all(number.is_integer() for number in numbers):
        return "regression"
    counts = Counter(numbers)
    padded = any(text.lstrip("+-").startswith("0") and len(text.lstrip("+-")) > 1 for text in texts)
    many = len(counts) > MOST_CERTAIN_CLASSES and len(texts) < ROWS_A_CLASS * len(counts)
    if many and not padded and len(set(counts.values())) > 1:
        raise DataError(
            f"Column '{column}' holds {len(counts)} different whole numbers in {len(texts)} rows: "
            "classes or a quantity?",
            allowed="--task classification or --task regression",
            next="say which, and of several label columns for each: "
            "--task classification,regression",
        )
    return "classification"


def _kind_of_marked(texts: Sequence[str], separator: str, column: str) -> Kind:
    """Labels that recur in other company speak for several labels a row, else it is a name."""
    cells = set(texts)
    sets = {_parts(text, separator) for text in cells}
    company = Counter(label for labels in sets for label in labels)
    if max(company.values(), default=0) < 2:
        return "classification"
    if len(company) >= len(sets):
        raise DataError(
            f"Column '{column}' holds '{separator}', as in {_example(texts, separator)!r:.80}: "
            "several labels, or one name?",
            allowed="--task multi-label or --task classification",
            next="say which",
        )
    return "multi-label"


def _example(texts: Sequence[str], separator: str) -> str:
    return next(text for text in texts if separator in text)


def _separator(texts: Sequence[str], marks: Sequence[str]) -> str | None:
    return next((mark for mark in marks if any(mark in text for text in texts)), None)


def _parts(text: str, separator: str | None) -> frozenset[str]:
    parts = [text] if separator is None else text.split(separator)
    return frozenset(part.strip() for part in parts if part.strip())


def _as_list(value: object) -> list[object] | None:
    """The cell as a list: one already, or one written as JSON or as Python prints it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, np.ndarray):
        return list(value.tolist()) if value.ndim == 1 else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else None
    return None


def _read_classes(values: Sequence[object], column: str) -> list[Label | None]:
    return [*label_texts(values, column)]


def _read_sets(values: Sequence[object], column: str) -> list[Label | None]:
    lists = [None if is_missing(value) else _as_list(value) for value in values]
    if any(lists):
        return [
            None if is_missing(value) else frozenset(_listed(value, found, column))
            for value, found in zip(values, lists, strict=True)
        ]
    empty = [found == [] for found in lists]  # [] says "none" among texts too
    plain = [None if none else value for none, value in zip(empty, values, strict=True)]
    texts = label_texts(plain, column)
    separator = _separator([text for text in texts if text], NAMED_SEPARATORS)
    return [
        frozenset() if none else None if text is None else _parts(text, separator)
        for none, text in zip(empty, texts, strict=True)
    ]


def _listed(value: object, found: list[object] | None, column: str) -> list[str]:
    if found is None:
        raise DataError(
            f"Column '{column}' holds lists, and {value!r:.80}, which is none",
            allowed="a list of labels in every row, [] for a row without any",
            next="correct the cell",
        )
    names = label_texts(found, column)
    if None in names:
        raise DataError(f"Column '{column}' holds a list with an empty label: {value!r:.80}")
    return [name for name in names if name is not None]


def _read_numbers(values: Sequence[object], column: str) -> list[Label | None]:
    numbers: list[Label | None] = []
    for row, value in enumerate(values, 1):
        number = None if is_missing(value) else _number(value)
        if number is None and not is_missing(value):
            raise DataError(
                f"Column '{column}' holds {value!r:.80} in row {row}, which is not a number",
                allowed="finite numbers with a decimal point, empty where missing",
                next="correct the cell, or say --task classification",
            )
        numbers.append(number)
    return numbers


def _number(value: object) -> float | None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (str, int, float, np.number)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError, TypeError):
        return None
    return number if math.isfinite(number) else None


_READERS: Mapping[Kind, Callable[[Sequence[object], str], list[Label | None]]] = MappingProxyType(
    {
        "classification": _read_classes,
        "ordinal": _read_classes,
        "multi-label": _read_sets,
        "regression": _read_numbers,
    }
)
