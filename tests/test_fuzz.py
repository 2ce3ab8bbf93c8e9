"""Files that were damaged at random: those that once did harm, and some fresh ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import TARGETS, fuzz, replay

FOUND = sorted((Path(__file__).parent / "found").iterdir())
FRESH, SECONDS = 20, 120


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_fuzzing_found_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    kind, _, name = path.name.split("-", 2)
    replay(kind, name.replace("+", "/"), path.read_bytes(), tmp_path / "x")


@pytest.mark.parametrize("kind", TARGETS)
def test_damaged_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    counts = fuzz(kind, SECONDS, random.Random(kind), tmp_path / "log", most=FRESH)
    assert counts["findings"] == {}
    assert counts["cases"] == FRESH


@pytest.mark.long
@pytest.mark.parametrize("kind", TARGETS)
def test_many_damaged_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    assert fuzz(kind, SECONDS, random.Random(), tmp_path / "log")["findings"] == {}
