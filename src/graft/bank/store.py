"""The store: a folder per shelf, append-only segments inside.

Two processes that fill the same shelf write two segments, and either serves. Rows are found by
the digest of the picture they belong to, and compared with their checksum before they are used
for the first time.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graft.bank.eviction import listed, make_room, sweep
from graft.bank.lease import Lease
from graft.bank.segment import (
    DIGEST_BYTES,
    Segment,
    Values,
    read_segment,
    rounding_error,
    write_segment,
)
from graft.errors import DataError, OutputError, ResourceError
from graft.files import is_full
from graft.types import ByteArray, IntArray, Json

# Rows are stored in pieces of about this size, or of what so much time gave, so that a killed run
# keeps what it computed.
SEGMENT_BYTES = 64 * 2**20
SEGMENT_SECONDS = 10.0
# Up to this size, all rows wanted are compared with their checksums before anything starts, and
# damaged ones are computed anew; beyond it, each when it is first read.
CHECKED_BYTES = 2 * 2**30
STORAGE = ("float32", "float16")
_MISSING = (-1, -1)


@dataclass(slots=True, eq=False)
class Shelf:
    """All stored rows of one key.

    Attributes:
        folder: Where it lies.
        storage: The type that floating-point rows are stored in; they are read as float32.
        segments: The whole ones.
    """

    folder: Path
    storage: str = "float32"
    segments: list[Segment] = field(default_factory=list)
    _lease: Lease | None = None
    _held: set[int] = field(default_factory=set)

    def __contains__(self, digest: bytes) -> bool:
        return bool(self.locate([digest])[0, 0] >= 0)

    def __len__(self) -> int:
        return sum(len(segment.values) for segment in self.segments)

    def append(self, digests: Sequence[bytes], values: Values, notes: Sequence[str]) -> None:
        """Store rows, then make them readable here.

        Raises:
            OutputError: The folder cannot be written.
            ResourceError: The disk is full, or a value is too large for float16.
        """
        stored = _as_stored(values, self.storage)
        name = f"segment-{uuid.uuid4().hex}"
        try:
            temporary = self.folder / f".{name}-{self._own_lease().name}"
        except OSError as problem:
            raise _storage_error(problem, self.folder, stored.nbytes) from problem
        try:
            error = rounding_error(values, stored)
            write_segment(temporary, digests, stored, notes, error)
            temporary.rename(self.folder / name)
        except OSError as problem:
            raise _storage_error(problem, self.folder, stored.nbytes) from problem
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._attach(self.folder / name)
        self._hold(np.array([len(self.segments) - 1]))
        make_room(self.folder.parent)

    def locate(self, digests: Sequence[bytes]) -> IntArray:
        """(N, 2) segment and row of each digest; -1, -1 where it is not stored."""
        wanted = _as_array(digests)
        places = np.full((len(wanted), 2), _MISSING, dtype=np.int64)
        for number, segment in enumerate(self.segments):
            open_rows = np.flatnonzero(places[:, 0] < 0)
            rows = segment.locate(wanted[open_rows])
            found = open_rows[rows >= 0]
            places[found, 0], places[found, 1] = number, rows[rows >= 0]
        return places

    def claim(self, digests: Sequence[bytes]) -> IntArray:
        """`locate` for use: the segments are held, and damaged rows count as not stored.

        What is larger than `CHECKED_BYTES` is compared when it is read instead.
        """
        places = self.locate(digests)
        self._hold(np.unique(places[places[:, 0] >= 0, 0]))
        found = int((places[:, 0] >= 0).sum())
        if found and found * self.row_bytes() <= CHECKED_BYTES and self._damaged(places):
            return self.claim(digests)  # another segment may have them; else they are missing
        return places

    def take(self, places: IntArray) -> Tensor:
        """(N, ...) the rows at these places, floating-point ones as float32.

        Raises:
            KeyError: A place is that of a row which is not stored.
            DataError: A row is damaged.
        """
        if (places < 0).any():
            raise KeyError("a row that is not stored was asked for")
        for number, damaged in self._damaged(places):
            raise _damage(self.segments[number], damaged)
        rows = _gather(self.segments, places)
        return torch.from_numpy(rows.astype(np.float32) if rows.dtype == np.float16 else rows)

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, ...) the rows of these digests, in their order; see `take`."""
        return self.take(self.claim(digests))

    def reader(self, places: IntArray, memory: int) -> Callable[[IntArray], Tensor]:
        """Numbers of places to rows; all rows are kept in memory if they take so few bytes."""
        if len(places) * self.row_bytes() <= memory:
            values = self.take(places)
            return lambda rows: values[torch.from_numpy(rows)]
        return lambda rows: self.take(places[rows])

    def notes(self, digests: Sequence[bytes]) -> list[str]:
        """What was noted when these rows were stored."""
        return [self.segments[number].notes[row] for number, row in self.locate(digests)]

    def row_bytes(self) -> int:
        """Size of one stored row in bytes; 0 while nothing is stored."""
        return int(self.segments[0].values[0].nbytes) if self.segments else 0

    def error(self) -> dict[str, float]:
        """The largest rounding error of the segments held; see `rounding_error`."""
        errors = [self.segments[number].error for number in self._held]
        return {n: max((e[n] for e in errors), default=0.0) for n in ("max", "relative")}

    def _damaged(self, places: IntArray) -> list[tuple[int, IntArray]]:
        """Segment and rows of what is damaged among places; missing ones are passed over."""
        numbers = [int(number) for number in np.unique(places[:, 0]) if number >= 0]
        found = [(n, self.segments[n].damaged(places[places[:, 0] == n, 1])) for n in numbers]
        return [(number, rows) for number, rows in found if len(rows)]

    def _own_lease(self) -> Lease:
        self._lease = self._lease or Lease(self.folder.parent)
        return self._lease

    def _hold(self, numbers: IntArray) -> None:
        """Protect segments from eviction, and note that they were used now."""
        fresh = [number for number in numbers.tolist() if number not in self._held]
        if not fresh:
            return
        self._held.update(fresh)
        with suppress(OSError):  # a bank that can only be read is still read
            self._own_lease().hold(self.segments[number].name for number in fresh)
            for number in fresh:
                os.utime(self.segments[number].folder)

    def _attach(self, folder: Path) -> None:
        # An evicted or foreign folder is not a segment: what is not whole is not there.
        try:
            segment = read_segment(folder)
        except (OSError, ValueError, TypeError, KeyError):
            return
        if self.segments and _row_kind(segment) != _row_kind(self.segments[0]):
            return
        self.segments.append(segment)


def _row_kind(segment: Segment) -> tuple[object, ...]:
    """Type and shape of a row: the same in all segments of a shelf."""
    return (segment.values.dtype, *segment.values.shape[1:])


def open_shelf(
    root: Path, key: str, *, storage: str = "float32", about: Json | None = None
) -> Shelf:
    """The shelf of a key, with every whole segment attached.

    Args:
        root: The bank's folder.
        key: Digest of all that its values depend on.
        storage: `float32` or `float16`.
        about: What stands there, for people; written into a new shelf.

    Raises:
        OutputError: The folder cannot be created.
    """
    folder = root / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        if about is not None and not (folder / "about.json").exists():
            _describe(folder, about)
    except OSError as problem:
        raise _storage_error(problem, folder, 0) from problem
    shelf = Shelf(folder, storage)
    for segment in listed(folder, "segment-"):
        shelf._attach(segment)
    return shelf


def _describe(folder: Path, about: Json) -> None:
    temporary = folder / f".about-{uuid.uuid4().hex}"
    with suppress(FileNotFoundError):  # the empty shelf was removed; writing makes it anew
        temporary.write_text(json.dumps(about), encoding="utf-8")
        temporary.replace(folder / "about.json")


def _gather(segments: Sequence[Segment], places: IntArray) -> Values:
    first = segments[0].values
    rows = np.empty((len(places), *first.shape[1:]), dtype=first.dtype)
    for number in np.unique(places[:, 0]):
        wanted = places[:, 0] == number
        rows[wanted] = segments[number].values[places[wanted, 1]]
    return rows


def _as_stored(values: Values, storage: str) -> Values:
    if values.dtype != np.float32 or storage == "float32":
        return values
    with np.errstate(over="ignore"):
        stored = values.astype(storage)
    if np.isinf(stored).any() and not np.isinf(values).any():
        raise ResourceError(
            f"The outputs of the frozen blocks reach {np.abs(values).max():.3g}",
            allowed=f"at most {np.finfo(storage).max:.3g} in {storage}",
            next="run again with --storage float32",
        )
    return stored


def _as_array(digests: Sequence[bytes]) -> ByteArray:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)


def _damage(segment: Segment, rows: IntArray) -> DataError:
    return DataError(
        f"{len(rows)} stored rows of {segment.folder} are not what was written there",
        allowed="rows that fit their checksums",
        next="run 'graft bank verify --fix', then this again; if it recurs, check the disk",
    )


def _storage_error(problem: OSError, folder: Path, size: int) -> OutputError | ResourceError:
    if is_full(problem):
        return ResourceError(
            f"The disk is full: {size:,} bytes could not be added to the bank in {folder}",
            allowed="room for the outputs of the frozen blocks",
            next="free some space, or set GRAFT_CACHE to a folder on another disk",
        )
    return OutputError(
        f"The bank's folder {folder} cannot be written ({problem.strerror})",
        allowed="a folder that you may write to",
        next="set GRAFT_CACHE to such a folder",
    )


def row_range(count: int, size: int) -> list[IntArray]:
    """Row numbers 0 .. count - 1 in consecutive pieces of `size`.

    >>> [piece.tolist() for piece in row_range(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [np.arange(at, min(at + size, count)) for at in range(0, count, size)]
