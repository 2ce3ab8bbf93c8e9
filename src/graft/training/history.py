"""The history: one row per epoch, kept in memory and appended to `history.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path

from graft.types import Json


class History:
    """Append-only records.

    Args:
        path: Where rows are appended as they come, or None to keep them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.rows: list[Json] = []
        self._path = path
        if path is not None:
            path.touch()

    def add(self, row: Json) -> None:
        """Keep a row and write it out at once, so that a killed run shows how far it came."""
        self.rows.append(row)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
