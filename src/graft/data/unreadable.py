"""A row that cannot be read: it keeps its place, and says why when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from graft.errors import DataError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a picture or a text would, so that rows never move.

    Attributes:
        name: What the user sees: the path, or the place in a table.
        reason: One clause.
    """

    name: str
    reason: str

    def open(self) -> NoReturn:
        """Raises the reason.

        Raises:
            DataError: Always; `found` is the reason.
        """
        raise DataError(self.reason)

    def digest(self) -> NoReturn:
        """Raises the reason.

        Raises:
            DataError: Always; `found` is the reason.
        """
        raise DataError(self.reason)
