"""Leases: how processes that share a bank know what the others are using.

A lease is a small file under an exclusive lock that the kernel drops when its process ends,
however it ends. It names the segments that the process uses; these are never evicted. Unfinished
segments bear their writer's lease in their names, so that what a killed process left can be told
from what a living one is writing.
"""

from __future__ import annotations

import os
import time
import uuid
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # pragma: no cover - Windows has no such locks
    LOCK_EX = LOCK_NB = 0  # type: ignore[misc]

    def flock(fd: int, operation: int) -> None:  # type: ignore[misc]  # noqa: ARG001
        """Says that there are no locks."""
        raise OSError("no file locks")


LEASES = ".leases"
# Where the file system has no locks, a lease counts as live for so long after its last change.
UNLOCKED_SECONDS = 24 * 3600.0


class Lease:
    """What one user of the bank holds, until it is collected or its process ends.

    Args:
        root: The bank's folder.

    Attributes:
        name: Unique; part of the names of unfinished segments.
    """

    def __init__(self, root: Path) -> None:
        self.name = uuid.uuid4().hex
        folder = root / LEASES
        folder.mkdir(parents=True, exist_ok=True)
        fresh, path = folder / f".{self.name}", folder / self.name
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        _locked(self._file)
        fresh.rename(path)  # not before the lock is held: an unlocked lease is a dead one's
        self._close = weakref.finalize(self, _release, self._file, path, os.getpid())

    def hold(self, names: Iterable[str]) -> None:
        """Protect segments (`key/segment-...`) from eviction."""
        os.write(self._file, "".join(f"{name}\n" for name in names).encode())

    def close(self) -> None:
        """Give everything up."""
        self._close()


def _release(file: int, path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child must not end its parent's lease
        path.unlink(missing_ok=True)
    os.close(file)


def _locked(file: int) -> bool | None:
    """Lock a file without waiting; None where the file system cannot."""
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def live_leases(root: Path) -> dict[str, set[str]]:
    """Name of every living user's lease and the segments it holds; dead leases are removed."""
    living: dict[str, set[str]] = {}
    folder = root / LEASES
    for path in [*folder.iterdir()] if folder.is_dir() else ():
        if path.name.startswith("."):
            continue  # not yet locked by the process that is making it
        with suppress(OSError):
            held = set(path.read_text().splitlines())
            if _is_live(path):
                living[path.name] = held
            else:
                path.unlink(missing_ok=True)
    return living


def _is_live(path: Path) -> bool:
    file = os.open(path, os.O_RDWR)
    try:
        locked = _locked(file)
        if locked is None:
            return time.time() - path.stat().st_mtime < UNLOCKED_SECONDS
        return not locked
    finally:
        os.close(file)


class Broom:
    """The right to remove things from a bank: one process at a time has it.

    Used with `with`; true inside the block where the right was got.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / ".broom"
        self._file = -1

    def __enter__(self) -> bool:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        return _locked(self._file) is not False

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
