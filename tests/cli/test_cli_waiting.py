"""How long threads stay awake is decided by what else runs, and never against the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.cli.waiting import POLICIES, SPINS, VARIABLE, choose_waiting


@pytest.mark.parametrize(
    ("content", "free"),
    [
        ("0.00 0.10 0.20 1/180 2345\n", True),
        ("6.62 3.82 3.53 1/179 27554\n", True),  # what ran a minute ago does not count
        ("0.00 0.10 0.20 3/180 2345\n", False),
        ("another system's words", False),
        ("", False),
    ],
)
def test_processors_are_free_where_this_process_alone_runs(
    tmp_path: Path, content: str, free: bool
) -> None:
    (tmp_path / "loadavg").write_text(content)
    environment: dict[str, str] = {}
    choose_waiting(environment, tmp_path / "loadavg")
    assert environment == {VARIABLE: SPINS[free]}


def test_without_the_file_they_count_as_busy(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    choose_waiting(environment, tmp_path / "none")
    assert environment == {VARIABLE: SPINS[False]}


@pytest.mark.parametrize("name", POLICIES)
def test_what_the_user_set_stays(tmp_path: Path, name: str) -> None:
    environment = {name: "PASSIVE"}
    choose_waiting(environment, tmp_path / "none")
    assert environment == {name: "PASSIVE"}
