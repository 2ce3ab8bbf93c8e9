"""The store: a folder per shelf, append-only segments inside.

A segment is a folder with `values.bin` (rows, memory-mapped when read), `keys.bin` (the digest of
each row's picture) and `index.json` (type and shape of the rows, what was noted of each, and a
digest of the keys). It is written under a temporary name and renamed when whole, so a killed
process leaves nothing that could be read; two processes that fill the same shelf write two
segments, and either serves.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graft.errors import OutputError, ResourceError
from graft.types import IntArray, Json

DIGEST_BYTES = 32
TYPES = ("uint8", "float32")
# Rows are stored in pieces of about this size, so that a killed run keeps what it computed.
SEGMENT_BYTES = 256 * 2**20
Values = npt.NDArray[np.generic]


@dataclass(slots=True)
class Shelf:
    """All stored rows of one key."""

    folder: Path
    segments: list[Values] = field(default_factory=list)
    notes: list[list[str]] = field(default_factory=list)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.places

    def append(self, digests: Sequence[bytes], values: Values, notes: Sequence[str]) -> None:
        """Store rows durably, then make them readable here.

        Raises:
            OutputError: The folder cannot be written.
            ResourceError: The disk is full.
        """
        name = f"segment-{uuid.uuid4().hex}"
        temporary = self.folder / f".{name}"
        try:
            _write(temporary, digests, values, notes)
            temporary.rename(self.folder / name)
        except OSError as problem:
            raise _storage_error(problem, self.folder, values.nbytes) from problem
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._attach(self.folder / name)

    def note(self, digest: bytes) -> str:
        """What was noted when the row was stored."""
        segment, row = self.places[digest]
        return self.notes[segment][row]

    def row_bytes(self) -> int:
        """Size of one row in bytes."""
        return int(self.segments[0][0].nbytes)

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, ...) the stored rows, in the order asked for.

        Raises:
            KeyError: A digest is not stored.
        """
        places = np.array([self.places[digest] for digest in digests], dtype=np.int64)
        places = places.reshape(-1, 2)
        first = self.segments[0]
        rows = np.empty((len(digests), *first.shape[1:]), dtype=first.dtype)
        for number in np.unique(places[:, 0]):
            wanted = places[:, 0] == number
            rows[wanted] = self.segments[number][places[wanted, 1]]
        return torch.from_numpy(rows)

    def _attach(self, segment: Path) -> None:
        # An evicted or foreign folder is not a segment: what is not whole is not there.
        try:
            values, keys, notes = _read(segment)
        except (OSError, ValueError, TypeError, KeyError):
            return
        if self.segments and values.shape[1:] != self.segments[0].shape[1:]:
            return
        self.segments.append(values)
        self.notes.append(notes)
        number = len(self.segments) - 1
        for row, key in enumerate(keys):
            self.places.setdefault(key, (number, row))


def open_shelf(root: Path, key: str) -> Shelf:
    """The shelf of a key, with every whole segment attached.

    Raises:
        OutputError: The folder cannot be created.
    """
    folder = root / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _storage_error(problem, folder, 0) from problem
    shelf = Shelf(folder)
    for segment in sorted(folder.glob("segment-*")):
        shelf._attach(segment)
    return shelf


def _write(folder: Path, digests: Sequence[bytes], values: Values, notes: Sequence[str]) -> None:
    keys = b"".join(digests)
    index = {
        "type": str(values.dtype),
        "shape": list(values.shape),
        "keys": hashlib.sha256(keys).hexdigest(),
        "notes": list(notes),
    }
    folder.mkdir()
    _write_durably(folder / "values.bin", np.ascontiguousarray(values).data)
    _write_durably(folder / "keys.bin", keys)
    _write_durably(folder / "index.json", json.dumps(index).encode())


def _write_durably(path: Path, content: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(segment: Path) -> tuple[Values, list[bytes], list[str]]:
    """Values, keys and notes of a segment.

    Raises:
        OSError, ValueError, TypeError, KeyError: It is not whole.
    """
    index: Json = json.loads((segment / "index.json").read_bytes())
    shape, notes = tuple(index["shape"]), [str(note) for note in index["notes"]]
    keys = (segment / "keys.bin").read_bytes()
    size = math.prod(shape) * np.dtype(index["type"]).itemsize
    whole = (
        index["type"] in TYPES
        and (segment / "values.bin").stat().st_size == size
        and hashlib.sha256(keys).hexdigest() == index["keys"]
        and shape[0] == len(notes) == len(keys) // DIGEST_BYTES
    )
    if not whole:
        raise ValueError(f"{segment} is damaged")
    values = np.memmap(segment / "values.bin", index["type"], mode="r", shape=shape)
    return values, [keys[at : at + DIGEST_BYTES] for at in range(0, len(keys), DIGEST_BYTES)], notes


def _storage_error(problem: OSError, folder: Path, size: int) -> OutputError | ResourceError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
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
