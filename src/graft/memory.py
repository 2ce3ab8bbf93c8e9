"""How much memory this process may take, and what is done before and after it runs out.

A limit comes from `ulimit -v`, from a control group (containers, Slurm, systemd) or from the
machine. Where a control group's limit is passed the kernel kills the process without a word: so
the process limits itself to the same number, and what is too much becomes an error.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graft.errors import GraftError, ResourceError

ROOM = 192 * 2**20
"""What a run must find beside what is loaded: libraries end the process where they get nothing."""
LIBRARY = 128 * 2**20
UNTOUCHED = 384 * 2**20
"""What the libraries of a run map and never write, about."""
AMPLE, RESERVE = 2 * 2**30, 24 * 2**20
_reserve: list[mmap.mmap] = []
GROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
# Each is mapped by itself, and goes back to the system when it is freed.
LARGE_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Limit:
    """What a process may take.

    Attributes:
        bytes: So much.
        name: Who says so.
    """

    bytes: int
    name: str

    def __str__(self) -> str:
        return f"{self.bytes / 2**30:.1f} GB ({self.name})"


# How PyTorch's CPU allocator, oneDNN, ONNX Runtime, threads and the loader of libraries word it, as
# runs under limits of memory showed; all raise general errors.
_WORDS = (
    *("can't allocate memory", "cannot allocate memory", "not enough memory", "failed to allocate"),
    *("bad_alloc", "could not create a primitive", "could not create a memory"),
    *("can't start new thread", "failed to map segment"),
)
_NAMES = frozenset({"OutOfMemoryError", "OutOfMemory"})  # PyTorch's, and that of the engines


def ran_out(problem: BaseException) -> bool:
    """Whether an error says that memory ran out; a full disk is something else."""
    if isinstance(problem, GraftError):
        return False
    if isinstance(problem, MemoryError) or type(problem).__name__ in _NAMES:
        return True
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    text = str(problem).lower()
    return isinstance(problem, (RuntimeError, ImportError)) and any(w in text for w in _WORDS)


def memory_limit() -> Limit | None:
    """The tightest limit of this process; None where none can be told."""
    return min(_limits(), key=lambda limit: limit.bytes, default=None)


def _limits() -> Iterator[Limit]:
    yield from _process_limits()
    yield from _group_limits()
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        return
    yield Limit(pages, "this machine")


def _process_limits() -> Iterator[Limit]:
    if sys.platform == "win32":
        return
    import resource

    kinds = {"ulimit -v": resource.RLIMIT_AS, "ulimit -d": resource.RLIMIT_DATA}
    for name, kind in kinds.items():
        soft = resource.getrlimit(kind)[0]
        if soft != resource.RLIM_INFINITY:
            yield Limit(soft, name)


def _has_own_limit() -> bool:
    return next(_process_limits(), None) is not None


def _group_limits() -> Iterator[Limit]:
    """Of the control groups of this process, version 1 and 2, and of all above them."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        file = "memory.limit_in_bytes" if kinds else "memory.max"
        root = GROUPS / "memory" if kinds else GROUPS
        inside = Path(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            yield from _group_limit(root / folder / file)


def _group_limit(file: Path) -> Iterator[Limit]:
    try:
        value = int(file.read_text())
    except (OSError, ValueError):  # no such group here, or "max"
        return
    if value < UNLIMITED:
        yield Limit(value, "the control group's limit")


def keep_within_limit() -> None:
    """Let allocations fail where the kernel would kill the process.

    For the command line alone, whose process is graft's own. With a GPU nothing is done: its driver
    maps more than it uses.
    """
    if not sys.platform.startswith("linux") or Path("/dev/nvidiactl").exists():
        return
    import resource

    limit = min(_group_limits(), key=lambda found: found.bytes, default=None)
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if limit is None:
        return
    wanted = limit.bytes + max(UNTOUCHED, _untouched())
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _untouched() -> int:
    """Bytes that count for the process's own limit and not for the control group's: the parts of
    libraries that could be written and are not."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return (int(sizes.get("VmData", 0)) - int(sizes.get("RssAnon", 0))) * 1024


def set_reserve() -> None:
    """Keep, where there is a limit, what the message will take that it was reached."""
    if _has_own_limit():
        sys.meta_path.insert(0, RoomForLibraries())
        if _is_free(RESERVE):
            _reserve.append(_mapped(RESERVE))


class RoomForLibraries:
    """Asked before every import: refuses those of libraries with OpenBLAS in them where there is no
    room, since OpenBLAS then tries for ever."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Leave the import to those who find modules.

        Raises:
            MemoryError: There is no room.
        """
        if name in ("numpy", "scipy") and not _is_free(LIBRARY):
            raise MemoryError(f"no room to load {name}")


def prepare_for_limit() -> None:
    """Before work begins in a process with a limit: check that there is room at all.

    Raises:
        ResourceError: There is not.
    """
    if not _has_own_limit():
        return
    _mallopt(M_ARENA_MAX, 1)  # every thread's own arena reserves 64 MB
    if not _is_free(AMPLE):
        _mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
    if not _is_free(ROOM):
        raise out_of_memory(f"Less than {ROOM >> 20} MB are free for the run")


def _is_free(size: int) -> bool:
    """Whether so much could be had."""
    try:
        _mapped(size).close()
    except (OSError, MemoryError):
        return False
    return True


def _mapped(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def free_reserve() -> None:
    """Memory ran out for good."""
    while _reserve:
        _reserve.pop().close()


def give_back() -> None:
    """After memory ran out: what nobody holds goes back to the system, and from now on at once."""
    gc.collect()  # errors hold the frames that they passed, and those their tensors
    _mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def out_of_memory(found: str, *, advice: str = "") -> ResourceError:
    """What is told where nothing smaller can be tried."""
    limit = memory_limit()
    return ResourceError(
        found,
        allowed=f"what fits into {limit}" if limit else "what fits",
        next=advice or "raise the limit, or choose a smaller --batch-size, --size or --backbone",
    )


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def _mallopt(name: int, value: int) -> None:
    """Set what glibc lets be set; other libraries do without."""
    setting = getattr(_libc(), "mallopt", None)
    if setting is not None:
        setting(name, value)
