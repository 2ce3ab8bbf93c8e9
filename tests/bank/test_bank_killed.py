"""Killed at any moment, by many processes at once: nothing wrong is read, what is whole stays."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graft.bank.eviction import make_room
from graft.bank.lease import live_leases
from graft.bank.store import open_shelf
from graft.bank.upkeep import verify_bank
from graft.progress import Silent

KEY = "a" * 64
ROW = 50_000
# Row n of the shelf is filled with n. Writes what is missing, checking all that it reads.
WORKER = """
import sys
from pathlib import Path
import numpy as np
from graft.bank.store import open_shelf
root, key, row, begin = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
for start in range(begin, begin + 4000, 8):
    digests = [number.to_bytes(32, "big") for number in range(start, start + 8)]
    shelf = open_shelf(root, key)
    places = shelf.claim(digests)
    missing = [at for at in range(8) if places[at, 0] < 0]
    if missing:
        values = np.stack([np.full(row, start + at, np.float32) for at in missing])
        shelf.append([digests[at] for at in missing], values, [""] * len(missing))
    found = shelf.read(digests)
    expected = torch.arange(start, start + 8).float()[:, None].expand(8, row)
    if not torch.equal(found, expected):
        print("WRONG", start, flush=True)
"""


def start(root: Path, begin: int) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(root), KEY, str(ROW), str(begin)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def check(root: Path) -> int:
    """How many rows stand there; each must be right."""
    shelf = open_shelf(root, KEY)
    digests = [number.to_bytes(32, "big") for number in range(8000)]
    places = shelf.claim(digests)
    stored = np.flatnonzero(places[:, 0] >= 0)
    for at in stored:
        assert bool((shelf.take(places[at : at + 1]) == float(at)).all())
    return len(stored)


@pytest.mark.long
def test_killed_at_any_moment(tmp_path: Path) -> None:
    chance, stored = random.Random(0), 0
    for _ in range(6):
        workers = [start(tmp_path, begin) for begin in (0, 16)]
        time.sleep(chance.uniform(0.0, 0.5))
        for worker in workers:
            worker.kill()
            out, _ = worker.communicate(timeout=60)
            assert "WRONG" not in out
        now = check(tmp_path)
        assert now >= stored
        stored = now
    assert stored > 0
    assert live_leases(tmp_path) == {}
    found = verify_bank(tmp_path, fix=True, progress=Silent())
    assert found["damaged"] == []
    assert not list(tmp_path.glob("*/.segment-*"))


@pytest.mark.long
def test_eviction_beside_writers_and_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_CACHE_SIZE", "20MB")
    workers = [start(tmp_path, begin) for begin in (0, 40, 400)]
    end = time.monotonic() + 8
    while time.monotonic() < end:
        make_room(tmp_path)
        time.sleep(0.05)
    for worker in workers:
        assert worker.poll() in (None, 0)  # none of them failed
        worker.kill()
        out, _ = worker.communicate(timeout=60)
        assert "WRONG" not in out
    check(tmp_path)
    make_room(tmp_path)
    assert sum(p.stat().st_size for p in tmp_path.glob("*/segment-*/*")) <= 20 * 10**6
