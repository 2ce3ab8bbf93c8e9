"""Decoded pictures: what depth 0 of every network reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from torch import Tensor

from graft.bank.key import pixels_key
from graft.bank.store import SEGMENT_BYTES, SEGMENT_SECONDS, open_shelf
from graft.data import Decoded, Examples, decode_all
from graft.progress import Progress
from graft.types import ByteArray, IntArray, PreprocessSpec


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
        size = "x".join(str(side) for side in spec.size)
        about = {"kind": "pixels", "what": f"{size} {spec.interpolation} {spec.crop_mode}"}
        self._shelf = open_shelf(root, pixels_key(spec), about=about)
        self._decode_missing(examples, progress)

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, C, H, W) uint8 pixels."""
        return self._shelf.take(self._shelf.locate(digests))

    def reader(self, digests: Sequence[bytes]) -> Callable[[IntArray], Tensor]:
        """Row numbers, which index `digests`, to (N, C, H, W) uint8 pixels."""
        places = self._shelf.locate(digests)
        return lambda rows: self._shelf.take(places[rows])

    def notes(self, digests: Sequence[bytes]) -> list[str]:
        """Mode and native size of each, as `RGB 640x480`."""
        return self._shelf.notes(digests)

    def _decode_missing(self, examples: Examples, progress: Progress) -> None:
        rows = self._rows_to_decode()
        decoded = decode_all([examples.pictures[row] for row in rows], self.spec)
        progress.start("decode", len(rows))
        at = 0
        while at < len(rows):
            at += self._store(rows[at:], decoded, progress)
        progress.finish("decode")
        self._share_faults_with_copies()

    def _share_faults_with_copies(self) -> None:
        reasons = {self.digests[row]: reason for row, reason in self.faults.items()}
        for row, digest in enumerate(self.digests):
            if digest is not None and digest in reasons:
                self.faults[row] = reasons[digest]

    def _rows_to_decode(self) -> list[int]:
        """The first row of every digest that is not stored, and all rows without one."""
        first = {digest: row for row, digest in reversed([*enumerate(self.digests)]) if digest}
        places = self._shelf.claim([*first])
        missing = {d for d, (segment, _) in zip(first, places, strict=True) if segment < 0}
        return [
            row
            for row, digest in enumerate(self.digests)
            if digest is None or (first[digest] == row and digest in missing)
        ]

    def _store(self, rows: Sequence[int], decoded: Iterator[Decoded], progress: Progress) -> int:
        """Store the first of the rows, as many as fill a segment or its time; returns how many."""
        most = max(1, SEGMENT_BYTES // math.prod((self.spec.channels, *self.spec.size)))
        keys: list[bytes] = []
        values: list[ByteArray] = []
        notes: list[str] = []
        done, begun = 0, perf_counter()
        for row in rows[:most]:
            outcome, digest = next(decoded), self.digests[row]
            progress.advance("decode")
            done += 1
            if outcome.pixels is None or digest is None:
                self.faults[row] = outcome.reason or "its bytes changed while they were read"
                continue
            keys.append(digest)
            values.append(outcome.pixels)
            notes.append(_note(outcome))
            if perf_counter() - begun > SEGMENT_SECONDS:
                break
        if keys:
            self._shelf.append(keys, np.stack(values), notes)
        return done


def _note(outcome: Decoded) -> str:
    facts = outcome.facts
    return f"{facts.mode} {facts.width}x{facts.height}" if facts else "? 0x0"
