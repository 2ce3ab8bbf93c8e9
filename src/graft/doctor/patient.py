"""What the checks look at: the rows, what was seen of their pictures, and the declared parts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from graft.data import Examples
from graft.data.targets import is_plain, shown_labels
from graft.doctor.inspection import Inspection
from graft.types import IntArray, PreprocessSpec

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Patient:
    """A data set under examination.

    Attributes:
        examples: All rows that the source yields, also those whose pictures cannot be opened.
        digests: Of each row's bytes; None where they cannot be read.
        seen: What was seen of each picture.
        near: Pairs of rows that look the same without being equal byte by byte.
        spec: The backbone's preprocessing.
    """

    examples: Examples
    digests: tuple[bytes | None, ...]
    seen: Inspection
    near: tuple[Pair, ...]
    spec: PreprocessSpec

    def name(self, row: int) -> str:
        """The row as the user knows it."""
        return self.examples.inputs[row].name

    def pair_name(self, pair: Pair) -> str:
        """Both rows of a pair."""
        return f"{self.name(pair[0])} = {self.name(pair[1])}"

    def labels(self) -> list[str | None]:
        """What each row bears, in words."""
        return shown_labels(self.examples.tasks, self.examples.targets)

    def readable(self) -> IntArray:
        """Rows whose pictures can be opened."""
        rows = np.arange(len(self.examples))
        return np.setdiff1d(rows, np.array(list(self.seen.faults), dtype=np.int64))

    def has_classes(self) -> bool:
        """Whether every row bears one class."""
        return is_plain(self.examples.tasks)


def equal_pairs(keys: Sequence[Hashable | None]) -> list[Pair]:
    """Each later row with the first row that has the same key; None equals nothing.

    >>> equal_pairs(["a", None, "a", None, "a"])
    [(0, 2), (0, 4)]
    """
    seen: dict[Hashable, int] = {}
    pairs = []
    for row, key in enumerate(keys):
        if key is None:
            continue
        if key in seen:
            pairs.append((seen[key], row))
        else:
            seen[key] = row
    return pairs
