"""What a split must not take apart: groups, and pictures that are equal byte by byte."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from graft.types import IntArray


def unit_numbers(rows: int, keys: Iterable[Sequence[Hashable | None]]) -> IntArray | None:
    """The unit of each row, (N,); None where every row stands alone. See `units_of`.

    >>> unit_numbers(3, [["a", "b", "a"]]).tolist(), unit_numbers(2, [["a", "b"]])
    ([0, 1, 0], None)
    """
    units = units_of(np.arange(rows), keys)
    if len(units) == rows:
        return None
    numbers = np.empty(rows, dtype=np.int64)
    for number, unit in enumerate(units):
        numbers[unit] = number
    return numbers


def units_of(rows: IntArray, keys: Iterable[Sequence[Hashable | None]]) -> list[IntArray]:
    """The smallest sets of rows such that rows with an equal key are together.

    Args:
        rows: (N,) row numbers.
        keys: Any number of key columns, indexed by row number; None equals nothing.

    Returns:
        Disjoint arrays of row numbers, ordered by their first row.

    >>> [unit.tolist() for unit in units_of(np.arange(4), [["a", "b", "a", None]])]
    [[0, 2], [1], [3]]
    """
    parent = {int(row): int(row) for row in rows}

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in keys:
        first: dict[Hashable, int] = {}
        for row in parent:
            key = column[row]
            if key is not None:
                a, b = root(first.setdefault(key, row)), root(row)
                parent[max(a, b)] = min(a, b)
    members: dict[int, list[int]] = {}
    for row in parent:
        members.setdefault(root(row), []).append(row)
    return [np.array(members[key], dtype=np.int64) for key in sorted(members)]
