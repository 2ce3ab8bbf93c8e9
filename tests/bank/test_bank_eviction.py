"""The bank's size: kept by what was used longest ago, and never at a living process's cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graft.bank.eviction import make_room, parse_size, size_limit, stored_segments, sweep
from graft.bank.lease import LEASES, Broom, Lease, live_leases
from graft.bank.store import Shelf, open_shelf
from graft.errors import UserError

ROW = 4000
HOLD = """
import sys
from pathlib import Path
from graft.bank.store import open_shelf
shelf = open_shelf(Path(sys.argv[1]), sys.argv[2])
shelf.claim([bytes([int(sys.argv[3])]) * 32])
print("ready", flush=True)
sys.stdin.read()
"""
WRITE = """
import sys
from pathlib import Path
import numpy as np
from graft.bank import segment, store
shelf = store.open_shelf(Path(sys.argv[1]), "a" * 64)
def stop(path, content):
    path.write_bytes(bytes(content)[:10])
    print("ready", flush=True)
    sys.stdin.read()
segment._write = stop
shelf.append([bytes(32)], np.zeros((1, 1000), np.float32), [""])
"""


def fill(root: Path, number: int, age: float = 0.0, key: str = "a" * 64) -> Shelf:
    """A segment of one row of 4000 bytes that was last used `age` seconds ago."""
    shelf = open_shelf(root, key)
    shelf.append([bytes([number]) * 32], np.full((1, ROW // 4), number, np.float32), [""])
    newest = shelf.segments[-1].folder
    os.utime(newest, (time.time() - age, time.time() - age))
    return shelf


def present(root: Path, key: str = "a" * 64) -> list[int]:
    shelf = open_shelf(root, key)
    return [number for number in range(20) if bytes([number]) * 32 in shelf]


def process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that has said that it is ready, and waits."""
    started = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def kill(started: subprocess.Popen[str]) -> None:
    started.kill()
    started.communicate(timeout=30)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("20GB", 20 * 10**9), ("1.5 gib", 3 * 2**29), ("5e3", 5000), (" 7 MB ", 7 * 10**6)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "20 apples", "1,5GB", "5iB", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="GRAFT_CACHE_SIZE"):
        parse_size(text)


def test_the_limit_is_the_users_or_half_of_what_the_disk_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFT_CACHE_SIZE", raising=False)
    assert 0 < size_limit(tmp_path, 0) <= 50 * 10**9
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "3MB")
    assert size_limit(tmp_path, 0) == 3 * 10**6


def test_what_was_used_longest_ago_goes_first_and_no_more_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, age in enumerate([50, 400, 300, 20]):
        fill(tmp_path, number, age)
    each = next(stored_segments(tmp_path)).size
    monkeypatch.setenv("GRAFT_CACHE_SIZE", str(3 * each))
    assert [entry.size for entry in make_room(tmp_path)] == [each]
    assert present(tmp_path) == [0, 2, 3]
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "0")
    make_room(tmp_path)
    assert present(tmp_path) == []
    assert not list(tmp_path.glob(".evicted-*"))


def test_using_a_row_makes_its_segment_young(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, age in enumerate([400, 300]):
        fill(tmp_path, number, age)
    open_shelf(tmp_path, "a" * 64).claim([bytes(32)])
    monkeypatch.setenv("GRAFT_CACHE_SIZE", str(next(stored_segments(tmp_path)).size))
    make_room(tmp_path)
    assert present(tmp_path) == [0]


def test_writing_makes_room_and_what_is_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "1")
    kept = [fill(tmp_path, number) for number in range(3)]
    assert present(tmp_path) == [0, 1, 2]  # all are in use
    del kept
    fill(tmp_path, 3)
    assert present(tmp_path) == [3]


def test_what_another_process_uses_stays_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        fill(tmp_path, number, age=100)
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "0")
    user = process(HOLD, tmp_path, "a" * 64, 1)
    try:
        make_room(tmp_path)
        assert present(tmp_path) == [1]
    finally:
        kill(user)
    make_room(tmp_path)
    assert present(tmp_path) == []
    assert live_leases(tmp_path) == {}


def test_a_reader_keeps_its_rows_when_they_are_removed_all_the_same(tmp_path: Path) -> None:
    from graft.bank.eviction import remove

    shelf = fill(tmp_path, 1)
    places = shelf.claim([bytes([1]) * 32])
    remove(tmp_path, [*stored_segments(tmp_path)], held_too=True)
    assert present(tmp_path) == []
    assert float(shelf.take(places)[0, 0]) == 1
    shelf.append([bytes([2]) * 32], np.full((1, ROW // 4), 2, np.float32), [""])
    assert present(tmp_path) == [2]


def test_one_process_removes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 0)
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "0")
    with Broom(tmp_path) as first, Broom(tmp_path) as second:
        assert (first, second) == (True, False)
        assert make_room(tmp_path) == []
    assert len(make_room(tmp_path)) == 1


def test_leftovers_go_when_their_writer_is_dead_and_not_before(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 64)
    writer = process(WRITE, tmp_path)
    try:
        (left,) = folder.glob(".segment-*")
        assert sweep(folder) == 0
        open_shelf(tmp_path, "a" * 64)
        assert left.exists()
    finally:
        kill(writer)
    assert present(tmp_path) == []
    assert not left.exists()  # opening the shelf swept it
    assert not list((tmp_path / LEASES).iterdir())


def test_a_lease_ends_with_its_owner(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    lease.hold(["x/segment-1", "x/segment-2"])
    assert live_leases(tmp_path) == {lease.name: {"x/segment-1", "x/segment-2"}}
    lease.close()
    assert live_leases(tmp_path) == {}
    assert not list((tmp_path / LEASES).iterdir())


def test_a_forked_child_does_not_end_its_parents_lease(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    read, write = os.pipe()
    child = os.fork() if hasattr(os, "fork") else None
    if child == 0:
        lease.close()
        os.write(write, b"x")
        os._exit(0)
    assert os.read(read, 1) == b"x"
    os.waitpid(child or 0, 0)
    assert set(live_leases(tmp_path)) == {lease.name}
