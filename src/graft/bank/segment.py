"""One segment: rows that were stored together, as a folder that is either whole or not there.

`values.bin` holds the rows and is memory-mapped, `keys.bin` the digest of each row's picture and a
checksum of its values, `index.json` type, shape, what was noted of each row, and digests of the
keys and of itself. A segment is written under a hidden name and renamed when whole, so a killed
process leaves nothing that could be read; a bit that flips later is found by the checksums.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graft.files import plain
from graft.types import ByteArray, IntArray, Json

DIGEST_BYTES = 32
TYPES = ("uint8", "int32", "float16", "float32")
_RECORD = np.dtype([("digest", "u1", (DIGEST_BYTES,)), ("sum", "<u4")])
Values = npt.NDArray[np.generic]
_UNKNOWN, _SOUND, _DAMAGED = 0, 1, 2


@dataclass(slots=True, eq=False)
class Segment:
    """Stored rows of one shelf.

    Attributes:
        folder: Where it lies.
        values: (N, ...) the rows, memory-mapped.
        digests: (N, 32) whose they are.
        sums: (N,) CRC-32 of each row's bytes.
        notes: What was noted of each row.
        error: What rounding to the stored type cost; see `rounding_error`.
        state: (N,) whether a row's checksum has been compared, and what came of it.
    """

    folder: Path
    values: Values
    digests: ByteArray
    sums: npt.NDArray[np.uint32]
    notes: list[str]
    error: dict[str, float]
    state: npt.NDArray[np.int8]
    _heads: npt.NDArray[np.uint64] = field(init=False)
    _order: IntArray = field(init=False)

    def __post_init__(self) -> None:
        heads = _heads(self.digests)
        self._order = np.argsort(heads, kind="stable")
        self._heads = heads[self._order]

    @property
    def name(self) -> str:
        """As leases name it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def locate(self, digests: ByteArray) -> IntArray:
        """(M,) row numbers of digests (M, 32); -1 where one is not here, or known to be damaged."""
        at = np.searchsorted(self._heads, _heads(digests))
        rows = self._order[np.minimum(at, len(self._order) - 1)]
        found = (self.digests[rows] == digests).all(axis=1) & (self.state[rows] != _DAMAGED)
        return np.where(found, rows, -1)

    def damaged(self, rows: IntArray) -> IntArray:
        """Those of the rows whose bytes are not what was written; each is compared once."""
        fresh = np.unique(rows[self.state[rows] == _UNKNOWN])
        good = checksums(self.values, fresh) == self.sums[fresh]
        self.state[fresh] = np.where(good, _SOUND, _DAMAGED)
        return np.unique(rows[self.state[rows] == _DAMAGED])


def _heads(digests: ByteArray) -> npt.NDArray[np.uint64]:
    """(N,) the first eight bytes of digests (N, 32), by which they are sorted."""
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64)[:, 0]


def checksums(values: Values, rows: IntArray | None = None) -> npt.NDArray[np.uint32]:
    """(M,) CRC-32 of the bytes of these rows of (N, ...); of all when None."""
    flat = values.reshape(len(values), -1).view(np.uint8)
    chosen = range(len(values)) if rows is None else rows
    return np.fromiter((zlib.crc32(flat[row].data) for row in chosen), np.uint32, len(chosen))


def rounding_error(values: Values, stored: Values) -> dict[str, float]:
    """What storing `values` as `stored` cost.

    Returns:
        `max`, the largest difference, and `relative`, the root mean square of the differences
        over that of the values. Both are 0 where the types are equal; padding (NaN) is left out.
    """
    if values.dtype == stored.dtype:
        return {"max": 0.0, "relative": 0.0}
    exact = np.nan_to_num(values.astype(np.float64), nan=0.0)
    difference = np.nan_to_num(stored.astype(np.float64), nan=0.0) - exact
    scale = math.sqrt(float(np.square(exact).mean())) or 1.0
    return {
        "max": float(np.abs(difference).max(initial=0.0)),
        "relative": math.sqrt(float(np.square(difference).mean())) / scale,
    }


def write_segment(
    folder: Path,
    digests: Sequence[bytes],
    values: Values,
    notes: Sequence[str],
    error: dict[str, float],
) -> None:
    """Write a new segment; it counts only once the folder bears a segment's name.

    Raises:
        OSError: It cannot be written.
    """
    values = np.ascontiguousarray(values)
    records = np.empty(len(values), _RECORD)
    records["digest"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
    records["sum"] = checksums(values)
    index = {
        "type": str(values.dtype),
        "shape": list(values.shape),
        "keys": hashlib.sha256(records.tobytes()).hexdigest(),
        "error": error,
        "notes": list(notes),
    }
    folder.mkdir(parents=True)
    _write(folder / "values.bin", values.reshape(-1).view(np.uint8).data)
    _write(folder / "keys.bin", records.tobytes())
    _write(folder / "index.json", json.dumps(signed(index)).encode())


def _write(path: Path, content: bytes | memoryview) -> None:
    # Not flushed to the disk itself: what a power cut tears is found by the digests.
    with path.open("wb") as file:
        file.write(content)


def signed(index: Json) -> Json:
    """An index with its own digest."""
    fields = {key: value for key, value in index.items() if key != "digest"}
    text = json.dumps(fields, sort_keys=True)
    return {**fields, "digest": hashlib.sha256(text.encode()).hexdigest()}


def read_segment(folder: Path) -> Segment:
    """Open a segment; its values are mapped, not read.

    Raises:
        OSError, ValueError, TypeError, KeyError: It is not whole.
    """
    try:
        index: Json = json.loads(plain(folder / "index.json").read_bytes())
    except RecursionError:
        raise ValueError("the index is nested too deeply") from None
    shape = tuple(index["shape"])
    notes = [sys.intern(str(note)) for note in index["notes"]]
    keys = plain(folder / "keys.bin").read_bytes()
    size = math.prod(shape) * np.dtype(index["type"]).itemsize
    if not (
        signed(index) == index
        and index["type"] in TYPES
        and (folder / "values.bin").stat().st_size == size
        and hashlib.sha256(keys).hexdigest() == index["keys"]
        and shape[0] == len(notes) == len(keys) / _RECORD.itemsize
    ):
        raise ValueError("sizes and digests do not fit each other")
    records = np.frombuffer(keys, _RECORD)
    values = np.memmap(folder / "values.bin", index["type"], mode="r", shape=shape)
    error = {name: float(index["error"][name]) for name in ("max", "relative")}
    digests = np.ascontiguousarray(records["digest"])
    state = np.full(len(values), _UNKNOWN, dtype=np.int8)
    return Segment(folder, values, digests, records["sum"].copy(), notes, error, state)
