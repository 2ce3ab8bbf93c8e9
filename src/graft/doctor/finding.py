"""What the doctor says: one finding per kind of fault, with examples and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graft.types import Json

Severity = Literal["fault", "note"]
MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault in a data set.

    Attributes:
        check: Which check found it, a name of `graft.doctor.CHECKS`.
        severity: A `fault` makes a model or its figures worse; a `note` is good to know.
        what: One sentence without its full stop.
        count: How many rows, pairs or classes it concerns.
        next: The next step.
        examples: The first of them, in words.
        drop: Rows that a cleaned list leaves out.
    """

    check: str
    severity: Severity
    what: str
    count: int
    next: str
    examples: tuple[str, ...] = ()
    drop: tuple[int, ...] = ()

    def to_dict(self) -> Json:
        """The finding as JSON values, without the rows."""
        return {
            "check": self.check,
            "severity": self.severity,
            "what": self.what,
            "count": self.count,
            "examples": list(self.examples),
            "next": self.next,
        }


def first(examples: Sequence[str]) -> tuple[str, ...]:
    """As many examples as a finding shows."""
    return tuple(examples[:MOST_EXAMPLES])


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2, "class", "classes")
    ('1 row', '2 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
