"""Decoded pictures: what depth 0 of every network reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from torch import Generator, Tensor

from graft.bank.inputs import Transform
from graft.bank.key import pixels_key
from graft.bank.store import SEGMENT_BYTES, SEGMENT_SECONDS, open_shelf
from graft.data import Decoded, Examples, decode_all, normalise
from graft.data.augment import augmentation
from graft.progress import Progress
from graft.types import ByteArray, IntArray, Json, PreprocessSpec


class Pixels:
    """Decoded, resized and cropped pictures, from the bank or from the files.

    Attributes:
        spec: How they were prepared.
        key: Of all that the stored pixels depend on but the pictures.
        size: Height and width, for people.
        digests: One per row of the data, None where the bytes cannot be read.
        faults: Row number and reason of every picture that cannot be used.
    """

    def __init__(
        self, examples: Examples, spec: PreprocessSpec, root: Path, progress: Progress
    ) -> None:
        self.spec = spec
        self.key = pixels_key(spec)
        self.digests = examples.digests()
        self.faults: dict[int, str] = {}
        self.size = "x".join(str(side) for side in spec.size)
        about = {"kind": "pixels", "what": f"{self.size} {spec.interpolation} {spec.crop_mode}"}
        self._shelf = open_shelf(root, self.key, about=about)
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

    def prepare(self, raw: Tensor) -> Tensor:
        """Normalised pictures, (N, C, H, W) float32."""
        return normalise(raw, self.spec)

    def transform(self, augment: str) -> Transform | None:
        """Augment (nothing for `none`), then normalise.

        Raises:
            UnknownNameError: No such augmentation.
        """
        change = augmentation(augment)

        def pixels_to_inputs(pixels: Tensor, generator: Generator) -> Tensor:
            return self.prepare(change(pixels, generator) if change else pixels)

        return pixels_to_inputs

    def facts(self, source: str, digests: Sequence[bytes]) -> Json:
        """Counts of modes and the smallest, median and largest size."""
        return picture_facts(source, self.notes(digests))

    def _decode_missing(self, examples: Examples, progress: Progress) -> None:
        rows = self._rows_to_decode()
        pictures = examples.pictures
        decoded = decode_all([pictures[row] for row in rows], self.spec)
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


def picture_facts(source: str, notes: list[str]) -> Json:
    """Counts of modes and the smallest, median and largest size, from `MODE WxH` notes.

    >>> picture_facts("x", ["RGB 4x2", "L 8x6"])["sizes"]["max"]
    [8, 6]
    """
    modes = Counter(note.split(" ")[0] for note in notes)
    sizes = np.array([[int(n) for n in note.split(" ")[1].split("x")] for note in notes])
    order = sizes.prod(axis=1).argsort(kind="stable")
    middle = {"min": order[0], "median": order[len(order) // 2], "max": order[-1]}
    return {
        "source": source,
        "modes": dict(modes.most_common()),
        "sizes": {name: sizes[row].tolist() for name, row in middle.items()},
    }
