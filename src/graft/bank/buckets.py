"""Shelves of tokenised rows, one for each padded length."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from graft.bank.store import Shelf, open_shelf


class Buckets:
    """Opens the shelf of each length once, and knows in which of them a row lies.

    Args:
        root: The bank's folder.
        key: Of the rows; each shelf's key adds its length.
        rows: What `graft bank` calls them.
        digests: Rows that are looked for on the shelves that are there; None is no row.

    Attributes:
        key: Of the rows.
        lengths: The padded length of every row found or put there.
    """

    def __init__(self, root: Path, key: str, rows: str, digests: Iterable[bytes | None]) -> None:
        self.key = key
        self.lengths: dict[bytes, int] = {}
        self._root = root
        self._about = rows
        self._shelves: dict[int, Shelf] = {}
        self._find({digest for digest in digests if digest is not None})

    def shelf(self, length: int) -> Shelf:
        """The shelf of one padded length."""
        if length not in self._shelves:
            about = {"kind": "tokens", "what": f"{self._about}up to {length} tokens"}
            self._shelves[length] = open_shelf(self._root, f"{self.key}-{length}", about=about)
        return self._shelves[length]

    def _find(self, missing: set[bytes]) -> None:
        for folder in sorted(self._root.glob(f"{self.key}-*")):
            length = int(folder.name.rpartition("-")[2])
            waiting = list(missing)
            there = self.shelf(length).claim(waiting)[:, 0] >= 0
            found = {digest for digest, stored in zip(waiting, there, strict=True) if stored}
            self.lengths |= dict.fromkeys(found, length)
            missing -= found
