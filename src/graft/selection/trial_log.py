"""What a search found out so far, on the disk: one line per trial, taken up after a stop."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from graft.types import Json

FILE = "trials.jsonl"


class TrialLog:
    """The trials that an earlier process finished; those of this one are added to the file alone.

    A line that is damaged, as the last one may be after a power cut, is passed over.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._rows: dict[str, Json] = {}
        if path is not None and path.is_file():
            for line in path.read_bytes().splitlines():
                self._read(line)

    def __len__(self) -> int:
        """How many an earlier process finished."""
        return len(self._rows)

    def find(self, key: str) -> Json | None:
        """What came of a trial; None where it was not finished."""
        return self._rows.get(key)

    def add(self, key: str, fields: Json) -> None:
        """Write down what came of a trial.

        Raises:
            OSError: The file cannot be written.
        """
        if self._path is None:
            return
        row = {"key": key, **fields}
        line = json.dumps({**row, "digest": _digest(row)}).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"\n" + line)  # a line that was cut short ends here
            file.flush()
            os.fsync(file.fileno())

    def _read(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            if row.pop("digest") == _digest(row):
                self._rows[row["key"]] = row
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return


def key_of(identity: Json, choice: Json, folds: Sequence[int]) -> str:
    """The key of a trial: it is another one where data, recipe or versions are others.

    Args:
        identity: Of recipe, data and versions.
        choice: What is tried.
        folds: What it is judged on.
    """
    return _digest({"identity": identity, "choice": choice, "folds": list(folds)})


def _digest(fields: Json) -> str:
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
