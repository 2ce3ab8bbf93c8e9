"""The history: on the disk as soon as it is known."""

from __future__ import annotations

import json
from pathlib import Path

from graft.training import History


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    assert path.read_text() == ""
    for number in range(3):
        history.add({"epoch": number})
        lines = path.read_text().splitlines()
        assert [json.loads(line) for line in lines] == history.rows
    assert len(history.rows) == 3


def test_without_a_file_rows_are_kept_in_memory(tmp_path: Path) -> None:
    history = History()
    history.add({"epoch": 1})
    assert history.rows == [{"epoch": 1}]
    assert not [*tmp_path.iterdir()]
