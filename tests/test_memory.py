"""Limits of memory: which one holds, and what becomes of a process that meets it."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from graft import memory
from graft.engines.in_pieces import InPieces
from graft.errors import ResourceError
from graft.memory import Limit, memory_limit, out_of_memory, ran_out


def test_the_tightest_limit_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Limit(3 * 2**30, "this machine"), Limit(2**31, "ulimit -v")]
    monkeypatch.setattr(memory, "_limits", lambda: iter(found))
    assert str(memory_limit()) == "2.0 GB (ulimit -v)"
    assert "2.0 GB (ulimit -v)" in str(out_of_memory("Memory ran out"))


@pytest.mark.parametrize(
    ("folder", "file", "line"),
    [("", "memory.max", "0::/a/b"), ("memory", "memory.limit_in_bytes", "4:memory:/a/b")],
)
def test_limits_of_control_groups_count_from_any_of_those_above(
    folder: str, file: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / folder
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / file).write_text("1000000\n")
    (root / "a" / "b" / file).write_text("max\n" if folder == "" else f"{2**63 - 4096}\n")
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    monkeypatch.setattr(Path, "read_text", _with_groups(line))
    assert [limit.bytes for limit in memory._group_limits()] == [1_000_000]


def _with_groups(line: str) -> Callable[[Path], str]:
    read = Path.read_text

    def told(path: Path) -> str:
        return f"{line}\n9:cpu:/a\n" if str(path) == "/proc/self/cgroup" else read(path)

    return told


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (ImportError("x.so: failed to map segment from shared object"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ImportError("no module named x"), False),
    ],
)
def test_what_says_that_memory_ran_out(problem: Exception, said: bool) -> None:
    assert ran_out(problem) == said


class Greedy(nn.Module):
    """Doubles at most so many rows at a time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.calls: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls.append(len(inputs))
        if len(inputs) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return 2 * inputs


def test_what_does_not_fit_is_answered_in_halves_and_remembered() -> None:
    greedy, inputs = Greedy(3), torch.arange(10.0)
    pieces = InPieces(greedy)
    torch.testing.assert_close(pieces(inputs), 2 * inputs)
    assert greedy.calls == [10, 5, 2, 2, 2, 2, 2]
    pieces(inputs[:3])
    assert greedy.calls[7:] == [2, 1]


def test_a_row_that_does_not_fit_is_told() -> None:
    with pytest.raises(ResourceError, match="single row"):
        InPieces(Greedy(0))(torch.zeros(4))


def test_a_process_without_room_says_so_before_it_works() -> None:
    code = (
        "import resource, graft.memory as m\n"
        "with open('/proc/self/statm') as f: size = int(f.read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, size + 2**26))\n"
        "try: m.prepare_for_limit()\n"
        "except m.ResourceError as problem: print(problem)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Less than 192 MB are free" in said.stdout
    assert "ulimit -v" in said.stdout


def test_without_a_limit_nothing_is_kept_and_nothing_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    memory.prepare_for_limit()
    memory.set_reserve()
    assert not memory._reserve


def test_libraries_that_would_try_for_ever_are_not_loaded_without_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = memory.RoomForLibraries()
    guard.find_spec("scipy")
    monkeypatch.setattr(memory, "_is_free", lambda _: False)
    guard.find_spec("scipy.linalg")
    with pytest.raises(MemoryError, match="no room to load scipy"):
        guard.find_spec("scipy")
