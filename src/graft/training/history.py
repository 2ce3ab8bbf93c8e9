"""The history: one row per epoch, kept in memory and appended to `history.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from graft.files import in_one_step
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

    def rewind(self, rows: Sequence[Json]) -> None:
        """Hold these rows and no others, as when a checkpoint was written."""
        self.rows = [*rows]
        if self._path is not None:
            in_one_step(self._path, "".join(f"{json.dumps(row)}\n" for row in rows))

    def add(self, row: Json) -> None:
        """Keep a row and write it out at once, so that a killed run shows how far it came."""
        self.rows.append(row)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
