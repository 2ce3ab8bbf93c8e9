"""`graft bank` on the command line and `graft.bank` in Python: one answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.bank import bank_folder, open_shelf
from graft.cli.main import main
from graft.errors import UnknownNameError
from graft.types import Json


def fill() -> Path:
    shelf = open_shelf(bank_folder(), "a" * 64, about={"kind": "prefix", "what": "an example"})
    shelf.append([bytes(32), bytes([1]) * 32], np.ones((2, 3), np.float32), ["", ""])
    return shelf.segments[0].folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["bank", *arguments])
    return int(stopped.value.code or 0), capsys.readouterr().out


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Json]:
    status, out = told(capsys, *arguments, "--json")
    found: Json = json.loads(out)
    return status, found


def test_list_says_what_stands_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert "0 B of at most" in told(capsys)[1]
    fill()
    status, out = told(capsys, "list")
    assert status == 0
    assert "aaaaaaaaaaaa" in out
    assert "prefix: an example" in out
    (shelf,) = answer(capsys)[1]["shelves"]
    assert (shelf["rows"], shelf["segments"]) == (2, 1)
    assert graft.bank()["shelves"] == [shelf]


def test_damage_is_named_and_removed_with_fix(capsys: pytest.CaptureFixture[str]) -> None:
    values = fill() / "values.bin"
    assert "Every row is what was written." in told(capsys, "verify")[1]
    values.write_bytes(bytes([9]) + values.read_bytes()[1:])
    status, out = told(capsys, "verify")
    assert status == 0
    assert "1 of 2 rows" in out
    assert "--fix" in out
    assert answer(capsys, "verify", "--fix")[1]["removed"] == 1
    assert graft.bank("verify")["segments"] == 0


def test_clear_counts(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    status, found = answer(capsys, "clear")
    assert status == 2
    assert "--all" in found["error"]["next"]
    assert answer(capsys, "clear", "--older-than", "1")[1]["removed"] == 0
    assert "1 segments removed" in told(capsys, "clear", "--key", "aaa")[1]
    assert answer(capsys, "clear", "--all")[1]["removed"] == 0


def test_other_actions_are_answered_with_those_that_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, found = answer(capsys, "lst")
    assert status == 2
    assert found["error"]["next"] == "did you mean 'list'?"
    with pytest.raises(UnknownNameError, match="lst"):
        graft.bank("lst")


def test_a_limit_that_is_none_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "much")
    status, found = answer(capsys)
    assert status == 2
    assert "GRAFT_CACHE_SIZE" in found["error"]["found"]
