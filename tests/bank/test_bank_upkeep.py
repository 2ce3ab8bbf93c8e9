"""`graft bank`: what it lists, what it finds damaged, what it clears."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from graft.bank.store import Shelf, open_shelf
from graft.bank.upkeep import clear_bank, list_bank, verify_bank
from graft.errors import UnknownNameError, UserError
from graft.progress import Silent

KEYS = ("a" * 64, "b" * 64)


def fill(root: Path, key: str, numbers: range, age: float = 0.0) -> Shelf:
    shelf = open_shelf(root, key, about={"kind": "prefix", "what": f"outputs of {key[0]}"})
    values = np.stack([np.full(3, n, np.float32) for n in numbers])
    shelf.append([bytes([n]) * 32 for n in numbers], values, [""] * len(numbers))
    then = time.time() - age
    os.utime(shelf.segments[-1].folder, (then, then))
    return shelf


def verify(root: Path, fix: bool = False) -> dict[str, object]:
    return verify_bank(root, fix=fix, progress=Silent())


def test_an_empty_bank(tmp_path: Path) -> None:
    assert list_bank(tmp_path)["shelves"] == []
    assert verify(tmp_path, fix=True)["segments"] == 0
    assert clear_bank(tmp_path, key=None, older_than=None, everything=True)["removed"] == 0


def test_shelves_are_listed_with_what_they_hold_the_latest_first(tmp_path: Path) -> None:
    fill(tmp_path, KEYS[0], range(4), age=100)
    fill(tmp_path, KEYS[0], range(4, 6), age=200)
    kept = fill(tmp_path, KEYS[1], range(3))
    listed = list_bank(tmp_path)
    newest, oldest = listed["shelves"]
    assert (newest["key"], newest["rows"], newest["segments"]) == (KEYS[1], 3, 1)
    assert (oldest["key"], oldest["rows"], oldest["segments"]) == (KEYS[0], 6, 2)
    assert (oldest["kind"], oldest["what"]) == ("prefix", "outputs of a")
    assert (newest["in_use"], oldest["in_use"]) == (True, False)
    assert listed["bytes"] == newest["bytes"] + oldest["bytes"]
    assert listed["bytes"] == sum(
        path.stat().st_size for path in tmp_path.glob("*/segment-*/*") if path.is_file()
    )
    assert len(kept) == 3


def test_a_whole_bank_verifies(tmp_path: Path) -> None:
    fill(tmp_path, KEYS[0], range(4))
    fill(tmp_path, KEYS[1], range(3))
    found = verify(tmp_path)
    assert (found["segments"], found["rows"], found["damaged"]) == (2, 7, [])


@pytest.mark.parametrize("name", ["values.bin", "keys.bin", "index.json"])
def test_every_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    path = fill(tmp_path, KEYS[0], range(4)).segments[0].folder / name
    whole = path.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        damaged = verify(tmp_path)["damaged"]
        assert isinstance(damaged, list)
        assert [item["segment"] for item in damaged] == [f"{KEYS[0]}/{path.parent.name}"], at


def test_damage_is_named_and_only_removed_when_asked(tmp_path: Path) -> None:
    path = fill(tmp_path, KEYS[0], range(4)).segments[0].folder
    fill(tmp_path, KEYS[1], range(3))
    values = bytearray((path / "values.bin").read_bytes())
    values[13] ^= 4
    (path / "values.bin").write_bytes(values)
    found = verify(tmp_path)
    assert found["damaged"] == [
        {
            "segment": f"{KEYS[0]}/{path.name}",
            "reason": "1 of 4 rows are not what was written",
        }
    ]
    assert found["removed"] == 0
    assert path.exists()
    assert verify(tmp_path, fix=True)["removed"] == 1
    assert not path.exists()
    assert verify(tmp_path)["damaged"] == []
    assert len(open_shelf(tmp_path, KEYS[1])) == 3


def test_fix_removes_what_killed_processes_left(tmp_path: Path) -> None:
    fill(tmp_path, KEYS[0], range(4))
    (tmp_path / KEYS[0] / f".segment-{'1' * 32}-{'2' * 32}").mkdir()
    assert verify(tmp_path, fix=True)["leftovers"] == 1
    assert not [*(tmp_path / KEYS[0]).glob(".segment-*")]


@pytest.mark.parametrize(
    ("key", "older_than", "everything", "left"),
    [
        (None, None, True, []),
        ("a", None, False, [KEYS[1]]),
        (None, 1.5, False, [KEYS[0]]),
        ("b", 3.0, False, [*KEYS]),
        ("b", 1.0, False, [KEYS[0]]),
    ],
)
def test_clearing_by_key_by_age_or_all(
    tmp_path: Path, key: str | None, older_than: float | None, everything: bool, left: list[str]
) -> None:
    fill(tmp_path, KEYS[0], range(4))
    fill(tmp_path, KEYS[1], range(3), age=2 * 86400)
    before = list_bank(tmp_path)["bytes"]
    found = clear_bank(tmp_path, key=key, older_than=older_than, everything=everything)
    after = list_bank(tmp_path)
    assert sorted(shelf["key"] for shelf in after["shelves"]) == left
    assert found["removed"] == 2 - len(left)
    assert found["bytes"] == before - after["bytes"]
    assert sorted(path.name for path in tmp_path.glob("[ab]*")) == left


def test_what_is_in_use_is_kept_and_counted(tmp_path: Path) -> None:
    shelf = fill(tmp_path, KEYS[0], range(4))
    found = clear_bank(tmp_path, key=None, older_than=None, everything=True)
    assert (found["removed"], found["kept"]) == (0, 1)
    assert len(open_shelf(tmp_path, KEYS[0])) == len(shelf)


def test_clearing_needs_to_be_told_what(tmp_path: Path) -> None:
    fill(tmp_path, KEYS[0], range(4))
    with pytest.raises(UserError, match="what is to be cleared"):
        clear_bank(tmp_path, key=None, older_than=None, everything=False)
    with pytest.raises(UnknownNameError, match="'c'") as caught:
        clear_bank(tmp_path, key="c", older_than=None, everything=False)
    assert KEYS[0][:12] in caught.value.allowed


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    shelf = fill(tmp_path, KEYS[0], range(4))
    for path in (shelf.folder / "about.json", shelf.segments[0].folder / "index.json"):
        path.unlink()
        os.mkfifo(path)
    (listed,) = list_bank(tmp_path)["shelves"]
    assert (listed["rows"], listed["kind"]) == (0, "unknown")
    assert verify(tmp_path)["damaged"]
