"""What the checks look at: the rows, what was seen of them, and the declared parts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graft.data import Examples
from graft.data.targets import is_plain, shown_labels
from graft.data.texts import Text, abridged
from graft.doctor.inspection import Inspection
from graft.doctor.text_look import TextLook
from graft.types import IntArray, PreprocessSpec

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Patient:
    """A data set under examination.

    Attributes:
        examples: All rows that the source yields, also those that cannot be opened.
        digests: Of each row's bytes; None where they cannot be read.
        near: Pairs of rows that look the same without being equal byte by byte.
        faults: Row number to the reason why it cannot be opened.
    """

    examples: Examples
    digests: tuple[bytes | None, ...]
    near: tuple[Pair, ...]
    faults: Mapping[int, str]

    @property
    def noun(self) -> str:
        """What messages call a row."""
        return "text" if self.examples.modality == "text" else "picture"

    def name(self, row: int) -> str:
        """The row as the user knows it."""
        return self.examples.inputs[row].name

    def pair_name(self, pair: Pair) -> str:
        """Both rows of a pair; of texts also how the first begins."""
        both = f"{self.name(pair[0])} = {self.name(pair[1])}"
        item = self.examples.inputs[pair[0]]
        return f"{both} ({abridged(item.shown(), 40)})" if isinstance(item, Text) else both

    def labels(self) -> list[str | None]:
        """What each row bears, in words."""
        return shown_labels(self.examples.tasks, self.examples.targets)

    def readable(self) -> IntArray:
        """Rows that can be opened."""
        rows = np.arange(len(self.examples))
        return np.setdiff1d(rows, np.array(list(self.faults), dtype=np.int64))

    def has_classes(self) -> bool:
        """Whether every row bears one class."""
        return is_plain(self.examples.tasks)


@dataclass(frozen=True, eq=False)
class PicturePatient(Patient):
    """Pictures under examination.

    Attributes:
        seen: What was seen of each picture.
        spec: The backbone's preprocessing.
    """

    seen: Inspection
    spec: PreprocessSpec


@dataclass(frozen=True, eq=False)
class TextPatient(Patient):
    """Texts under examination.

    Attributes:
        look: What was seen of each text.
    """

    look: TextLook


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
