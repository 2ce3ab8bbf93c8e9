"""The bank's size: what was used longest ago goes first, and never what a process is using."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from graft.bank.lease import UNLOCKED_SECONDS, Broom, live_leases
from graft.errors import UserError

LIMIT_VARIABLE = "GRAFT_CACHE_SIZE"
# Without a limit by the user: this much, but never more than half of what the disk could give.
DEFAULT_LIMIT = 50 * 10**9
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 2 ** (10 * power) for power, unit in enumerate("KMGT", start=1)}
_TRASH = ".evicted-"


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment's folder as it lies on the disk.

    Attributes:
        path: `ROOT/key/segment-...`.
        size: Bytes.
        used: When it was last used, in seconds since the epoch.
    """

    path: Path
    size: int
    used: float

    @property
    def name(self) -> str:
        """As leases name it."""
        return f"{self.path.parent.name}/{self.path.name}"


def parse_size(text: str) -> int:
    """Bytes of `20GB`, `512 MiB`, `1e9` or `0`.

    Raises:
        UserError: It is no size.

    >>> parse_size("1.5 GB"), parse_size("2MiB")
    (1500000000, 2097152)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e\d+)?)\s*([KMGT]?I?)B?\s*", text, re.IGNORECASE)
    if match is None or match[2].upper() not in _UNITS:
        raise UserError(
            f"{LIMIT_VARIABLE} is '{text}'",
            allowed="a number of bytes, or one with KB, MB, GB, TB, KiB, MiB, GiB or TiB",
            next=f"set {LIMIT_VARIABLE} to such a size, as in 20GB",
        )
    return int(float(match[1]) * _UNITS[match[2].upper()])


def size_limit(root: Path, size: int) -> int:
    """The most bytes that the bank may hold.

    Args:
        root: The bank's folder.
        size: What it holds now.

    Raises:
        UserError: The user's limit is no size.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if text:
        return parse_size(text)
    return min(DEFAULT_LIMIT, (size + shutil.disk_usage(root).free) // 2)


def stored_segments(root: Path) -> Iterator[Stored]:
    """Every segment in the bank; what vanishes meanwhile is passed over."""
    for path in (path for shelf in shelves(root) for path in listed(shelf, "segment-")):
        with suppress(OSError):
            size = sum(file.stat().st_size for file in path.iterdir())
            yield Stored(path, size, path.stat().st_mtime)


def shelves(root: Path) -> list[Path]:
    """The folders of all shelves."""
    return [path for path in listed(root) if not path.name.startswith(".")]


def listed(folder: Path, start: str = "") -> list[Path]:
    """What lies in a folder under names with this start; nothing if it is gone meanwhile.

    `Path.glob` raises where another process removes what it is about to look into.
    """
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name.startswith(start))
    return []


def make_room(root: Path) -> list[Stored]:
    """Evict what was used longest ago until the bank keeps its limit; returns what went.

    What a living process uses stays, even if the limit cannot be kept.

    Raises:
        UserError: The user's limit is no size.
    """
    entries = sorted(stored_segments(root), key=lambda entry: entry.used)
    size = sum(entry.size for entry in entries)
    excess = size - size_limit(root, size)
    if excess <= 0:
        return []
    return remove(root, entries, excess)


def remove(
    root: Path,
    entries: list[Stored],
    excess: float = float("inf"),
    *,
    held_too: bool = False,
) -> list[Stored]:
    """Remove segments in their order until `excess` bytes are gone; returns those that went.

    What a living process uses stays, unless `held_too` (what is mapped stays readable to it); and
    all stays while another process is removing.
    """
    gone: list[Stored] = []
    with Broom(root) as may:
        if not may:
            return []
        living = live_leases(root)
        held = set() if held_too else set().union(*living.values())
        for entry in entries:
            if excess <= 0:
                break
            if entry.name not in held and _discard(root, entry.path):
                gone.append(entry)
                excess -= entry.size
        for trash in listed(root, _TRASH):
            shutil.rmtree(trash, ignore_errors=True)
        for folder in set() if living else {entry.path.parent for entry in gone}:
            _drop_if_empty(folder)
    return gone


def _drop_if_empty(folder: Path) -> None:
    """Remove a shelf without segments; who has it open makes it anew when writing."""
    if all(path.name == "about.json" for path in listed(folder)):
        (folder / "about.json").unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _discard(root: Path, path: Path) -> bool:
    """Take a segment away at one stroke: no reader ever sees half of it."""
    try:
        path.rename(root / f"{_TRASH}{uuid.uuid4().hex}")
    except OSError:  # gone already, or mapped on a system that then refuses
        return False
    return True


def sweep(folder: Path) -> int:
    """Remove what killed processes left unfinished in a shelf; returns how many there were.

    Unfinished segments end with their writer's lease; one that lives is still writing.
    """
    left = listed(folder, ".segment-")
    living = live_leases(folder.parent) if left else {}
    swept = 0
    for path in left:
        writer = path.name.rpartition("-")[2]
        if writer in living or _is_recent(path, writer):
            continue
        shutil.rmtree(path, ignore_errors=True)
        swept += not path.exists()
    return swept


def _is_recent(path: Path, writer: str) -> bool:
    """Whether a leftover without a writer's name may still be in the making."""
    if len(writer) == 32 and path.name.count("-") == 2:
        return False
    with suppress(OSError):
        return time.time() - path.stat().st_mtime < UNLOCKED_SECONDS
    return True
