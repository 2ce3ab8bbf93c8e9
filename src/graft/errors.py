"""Everything graft raises on purpose.

    GraftError
    ├── UserError              the user's input or machine is at fault (exit status 2)
    │   ├── DataError          a data set, a file or a column   (also a ValueError)
    │   ├── UnknownNameError   a name that is in no table       (also a ValueError)
    │   ├── BackboneError      a checkpoint that does not open  (also a ValueError)
    │   ├── NetworkError       a download that failed           (also a ConnectionError)
    │   ├── OutputError        a folder that cannot be written  (also an OSError)
    │   ├── ResourceError      memory or disk ran out           (also a MemoryError)
    │   ├── DivergenceError    a loss that is no longer finite  (also an ArithmeticError)
    │   └── ModelError         a saved model that is not whole, or whose answers moved (ValueError)
    └── AuditError             a promise of graft's own was broken (exit status 1)

Every message says what was found, what is allowed, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial

LONGEST = 4000


class GraftError(Exception):
    """The root of the tree.

    Args:
        found: What was found, as one sentence without its full stop.
        allowed: What would have been accepted.
        next: The next step for the user.
    """

    def __init__(self, found: str, *, allowed: str = "", next: str = "") -> None:  # noqa: A002
        # Names out of damaged files can be of any length.
        self.found, self.allowed, self.next = map(_shortened, (found, allowed, next))
        super().__init__(self.found, self.allowed, self.next)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Unpickle by keyword, so that an error crosses a process boundary whole."""
        return partial(type(self), allowed=self.allowed, next=self.next), (self.found,)

    def __str__(self) -> str:
        lines = [_sentence(self.found)]
        if self.allowed:
            lines.append(f"Allowed: {_sentence(self.allowed)}")
        if self.next:
            lines.append(f"Next: {_sentence(self.next)}")
        return "\n".join(lines)

    @property
    def kind(self) -> str:
        """The class's name, as `--json` prints it."""
        return type(self).__name__

    def to_dict(self) -> dict[str, str]:
        """The four fields that `--json` prints under `error`."""
        return {"kind": self.kind, "found": self.found, "allowed": self.allowed, "next": self.next}


class UserError(GraftError):
    """The user's input or machine is at fault."""


class DataError(UserError, ValueError):
    """A data set, a file or a column is not what was asked for."""


class UnknownNameError(UserError, ValueError):
    """A name that is in no table."""


class BackboneError(UserError, ValueError):
    """A checkpoint that does not open or does not fit."""


class NetworkError(UserError, ConnectionError):
    """A download that failed."""

    __str__ = GraftError.__str__


class OutputError(UserError, OSError):
    """A folder that cannot be written, or that holds something already."""

    __str__ = GraftError.__str__


class ResourceError(UserError, MemoryError):
    """Memory or disk ran out."""


class DivergenceError(UserError, ArithmeticError):
    """A loss that is no longer finite."""


class ModelError(UserError, ValueError):
    """A saved model that is not whole, or whose answers moved."""


class AuditError(GraftError):
    """A frozen tensor moved, or cached and uncached outputs differ: a fault of graft's own."""


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a look-up that failed: lists the names that exist and the nearest.

    >>> print(unknown_name("strategy", "ful", ["full", "head"]))
    There is no strategy named 'ful'.
    Allowed: full, head.
    Next: did you mean 'full'?
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "choose one of them"
    return UnknownNameError(
        f"There is no {what} named '{name}'", allowed=", ".join(names), next=hint
    )


def _shortened(text: str) -> str:
    """The text, or its beginning and how long it is."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
