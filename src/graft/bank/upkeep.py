"""What `graft bank` does: list the shelves, verify every stored byte, clear what is not wanted."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np

from graft.bank.eviction import Stored, remove, shelves, size_limit, stored_segments, sweep
from graft.bank.lease import live_leases
from graft.bank.segment import read_segment
from graft.errors import UserError, unknown_name
from graft.files import plain
from graft.progress import Progress
from graft.types import Json

ACTIONS = ("list", "verify", "clear")
DAY = 24 * 3600.0
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, RecursionError)


def list_bank(root: Path) -> Json:
    """Every shelf with its size and when it was last used, the latest first.

    Returns:
        `folder`, `bytes`, `limit` and `shelves`, each with `key`, `kind`, `what`, `rows`, `bytes`,
        `segments`, `in_use` and `used` (seconds since the epoch).
    """
    entries = list(stored_segments(root))
    held = set().union(*live_leases(root).values())
    by_shelf: dict[Path, list[Stored]] = defaultdict(list)
    for entry in entries:
        by_shelf[entry.path.parent].append(entry)
    found = [_shelf(folder, segments, held) for folder, segments in by_shelf.items()]
    size = sum(entry.size for entry in entries)
    return {
        "folder": str(root),
        "bytes": size,
        "limit": size_limit(root, size),
        "shelves": sorted(found, key=lambda shelf: shelf["used"], reverse=True),
    }


def _shelf(folder: Path, entries: list[Stored], held: set[str]) -> Json:
    about = _about(folder)
    return {
        "key": folder.name,
        "kind": about.get("kind", "unknown"),
        "what": about.get("what", ""),
        "rows": sum(_rows(entry.path) for entry in entries),
        "bytes": sum(entry.size for entry in entries),
        "segments": len(entries),
        "in_use": any(entry.name in held for entry in entries),
        "used": max(entry.used for entry in entries),
    }


def _about(folder: Path) -> Json:
    with suppress(*_UNREADABLE):
        about = json.loads(plain(folder / "about.json").read_text(encoding="utf-8"))
        return about if isinstance(about, dict) else {}
    return {}


def _rows(segment: Path) -> int:
    with suppress(*_UNREADABLE):
        return int(json.loads(plain(segment / "index.json").read_bytes())["shape"][0])
    return 0


def verify_bank(root: Path, *, fix: bool, progress: Progress) -> Json:
    """Read every stored byte and compare it with what was written.

    Args:
        root: The bank's folder.
        fix: Remove the damaged segments and what killed processes left unfinished; their rows
            are then computed anew when they are next wanted.
        progress: Told about every segment.

    Returns:
        `segments` and `rows` looked at, `damaged` (each `segment` and `reason`), `removed`, and
        `leftovers` of killed processes that were removed.
    """
    entries = sorted(stored_segments(root), key=lambda entry: entry.name)
    progress.start("verify", len(entries))
    reasons: dict[str, str] = {}
    rows = 0
    for entry in entries:
        count, reason = _verify(entry.path)
        rows += count
        if reason and entry.path.exists():  # else it was evicted meanwhile
            reasons[entry.name] = reason
        progress.advance("verify")
    progress.finish("verify")
    damaged = [entry for entry in entries if entry.name in reasons]
    return {
        "folder": str(root),
        "segments": len(entries),
        "rows": rows,
        "damaged": [{"segment": name, "reason": reason} for name, reason in reasons.items()],
        "removed": len(remove(root, damaged, held_too=True)) if fix else 0,
        "leftovers": sum(sweep(folder) for folder in shelves(root)) if fix else 0,
    }


def _verify(path: Path) -> tuple[int, str]:
    """How many rows a segment has, and what is wrong with it."""
    try:
        segment = read_segment(path)
    except _UNREADABLE as problem:
        return 0, f"it is not whole: {problem}"
    count = len(segment.values)
    bad = segment.damaged(np.arange(count))
    return count, f"{len(bad)} of {count} rows are not what was written" if len(bad) else ""


def clear_bank(root: Path, *, key: str | None, older_than: float | None, everything: bool) -> Json:
    """Remove segments; what a living process uses stays.

    Args:
        root: The bank's folder.
        key: Only of the shelf whose key begins so.
        older_than: Only what was not used in so many days.
        everything: All of them.

    Returns:
        `removed` and `kept` segments, `bytes` freed.

    Raises:
        UserError: Nothing says what is to go, or no shelf's key begins so.
    """
    if not (key or older_than is not None or everything):
        raise UserError(
            "Nothing says what is to be cleared",
            allowed="a key, an age in days, or all",
            next="give --key KEY, --older-than DAYS or --all; 'graft bank list' shows the keys",
        )
    entries = list(stored_segments(root))
    if key:
        entries = _of_key(entries, key)
    if older_than is not None:
        entries = [entry for entry in entries if time.time() - entry.used > older_than * DAY]
    gone = remove(root, entries)
    return {
        "folder": str(root),
        "removed": len(gone),
        "kept": len(entries) - len(gone),
        "bytes": sum(entry.size for entry in gone),
    }


def _of_key(entries: list[Stored], key: str) -> list[Stored]:
    names = {entry.path.parent.name for entry in entries}
    matching = {name for name in names if name.startswith(key)}
    if len(matching) != 1:
        raise unknown_name("single shelf", key, sorted(name[:12] for name in matching or names))
    return [entry for entry in entries if entry.path.parent.name in matching]
