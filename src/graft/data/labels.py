"""Class names: how a cell becomes one, and in which order they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from graft.data.shown import is_whole, shown
from graft.errors import DataError

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)")
_LONGEST_NUMBER = 4000  # digits that Python turns into an integer
_DIGITS = re.compile(r"([0-9]+)")

NaturalKey = tuple[int, int, tuple[tuple[int, int, str], ...], str]


def natural_key(name: str) -> NaturalKey:
    """Sort key under which numbers count as numbers: whole integers first, then words.

    >>> sorted(["10", "9", "b2", "b10", "-1", "A"], key=natural_key)
    ['-1', '9', '10', 'A', 'b2', 'b10']
    """
    if len(name) > _LONGEST_NUMBER:
        return (1, 0, ((1, 0, name.casefold()),), name)
    if _INTEGER.fullmatch(name):
        return (0, int(name), (), name)
    chunks = (chunk for chunk in _DIGITS.split(name.casefold()) if chunk)
    ordered = tuple((0, int(c), "") if c.isdecimal() else (1, 0, c) for c in chunks)
    return (1, 0, ordered, name)


def is_integer(text: str) -> bool:
    """Whether a text is a whole number in digits."""
    return _INTEGER.fullmatch(text) is not None


def is_fraction(text: str) -> bool:
    """Whether a text is a number with a decimal point."""
    return _DECIMAL.fullmatch(text) is not None


def label_texts(values: Sequence[object], column: str) -> list[str | None]:
    """Turns a label column into class names; None where a label is missing.

    Strings keep their leading zeros, whole floats lose their `.0` (a table writer adds it to
    integers as soon as one is missing), booleans become `false` and `true`.

    Args:
        values: The column's cells.
        column: Its name, for messages.

    Raises:
        DataError: The column holds fractions (a quantity, not classes) or lists.

    >>> label_texts(["01", "2", "", None], "label")
    ['01', '2', None, None]
    >>> label_texts([1.0, 2.0, float("nan")], "label")
    ['1', '2', None]
    """
    texts = [_text(value, column) for value in values]
    present = [text for text in texts if text is not None]
    if not present or not all(_DECIMAL.fullmatch(text) for text in present):
        return texts
    if all(_INTEGER.fullmatch(text) for text in present):
        return texts
    fraction = next((text for text in present if not float(text).is_integer()), None)
    if fraction is not None:
        raise _quantity(column, fraction)
    return [None if text is None else str(int(float(text))) for text in texts]


def _text(value: object, column: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip() or None
    if isinstance(value, str):
        text = value.strip() or None
        return text if text is None or is_whole(text) else shown(text)
    raise DataError(
        f"Column '{column}' holds a {type(value).__name__}, not a label: {value!r:.80}",
        allowed="one label per row: text, an integer or a boolean",
        next="keep one label per row, say --task multi-label for lists, or name another column "
        "with --label",
    )


def _quantity(column: str, value: str) -> DataError:
    return DataError(
        f"Column '{column}' holds fractions such as {value}: a quantity, and classes are asked for",
        allowed="class names, integers or booleans",
        next="say --task regression, cut the quantity into named ranges ('low', 'high'), write "
        "fractions that are names with a letter ('v1.5'), or name another column with --label",
    )


def index_of(names: Iterable[str]) -> tuple[str, ...]:
    """The distinct names in natural order.

    >>> index_of(["10", "9", "10"])
    ('9', '10')
    """
    return tuple(sorted(set(names), key=natural_key))
