"""Decoded pictures: what depth 0 of every network reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graft.bank.key import pixels_key
from graft.bank.store import SEGMENT_BYTES, open_shelf
from graft.data import Decoded, Examples, decode_all
from graft.progress import Progress
from graft.types import ByteArray, PreprocessSpec


class Pixels:
    """Decoded, resized and cropped pictures, from the bank or from the files.

    Attributes:
        spec: How they were prepared.
        digests: One per row of the data, None where the bytes cannot be read.
        faults: Row number and reason of every picture that cannot be used.
    """

    def __init__(
        self, examples: Examples, spec: PreprocessSpec, root: Path, progress: Progress
    ) -> None:
        self.spec = spec
        self.digests = examples.digests()
        self.faults: dict[int, str] = {}
        self._shelf = open_shelf(root, pixels_key(spec))
        self._decode_missing(examples, progress)

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, C, H, W) uint8 pixels."""
        return self._shelf.read(digests)

    def note(self, digest: bytes) -> str:
        """Mode and native size, as `RGB 640x480`."""
        return self._shelf.note(digest)

    def _decode_missing(self, examples: Examples, progress: Progress) -> None:
        rows = self._rows_to_decode()
        per_segment = max(1, SEGMENT_BYTES // math.prod((self.spec.channels, *self.spec.size)))
        decoded = decode_all([examples.pictures[row] for row in rows], self.spec)
        progress.start("decode", len(rows))
        for start in range(0, len(rows), per_segment):
            self._store(rows[start : start + per_segment], decoded, progress)
        progress.finish("decode")
        self._share_faults_with_copies()

    def _share_faults_with_copies(self) -> None:
        reasons = {self.digests[row]: reason for row, reason in self.faults.items()}
        for row, digest in enumerate(self.digests):
            if digest is not None and digest in reasons:
                self.faults[row] = reasons[digest]

    def _rows_to_decode(self) -> list[int]:
        """The first row of every digest that is not stored, and all rows without one."""
        seen: set[bytes] = set()
        rows = []
        for row, digest in enumerate(self.digests):
            if digest is None or (digest not in seen and digest not in self._shelf):
                rows.append(row)
            if digest is not None:
                seen.add(digest)
        return rows

    def _store(self, rows: Sequence[int], decoded: Iterator[Decoded], progress: Progress) -> None:
        keys: list[bytes] = []
        values: list[ByteArray] = []
        notes: list[str] = []
        for row in rows:
            outcome, digest = next(decoded), self.digests[row]
            progress.advance("decode")
            if outcome.pixels is None or digest is None:
                self.faults[row] = outcome.reason or "its bytes changed while they were read"
                continue
            keys.append(digest)
            values.append(outcome.pixels)
            notes.append(_note(outcome))
        if keys:
            self._shelf.append(keys, np.stack(values), notes)


def _note(outcome: Decoded) -> str:
    facts = outcome.facts
    return f"{facts.mode} {facts.width}x{facts.height}" if facts else "? 0x0"
