"""Decoding in parallel, in row order, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from graft.data.ahead import cores, map_ahead
from graft.data.images import PictureFacts, describe, prepare
from graft.data.jpeg import applies, engine, prepare_jpeg
from graft.data.pictures import ENCODED, Picture, decode_bytes
from graft.errors import DataError
from graft.types import ByteArray, PreprocessSpec

_AHEAD = 8  # pictures in flight per worker
# Pictures that take less are not worth handing to a thread: two threads need twice the time of none
# at 32 x 32, and half of it at 256 x 256.
_WORTH_A_THREAD = 300e-6
_TRIED = 8


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of one row: either pixels or a reason.

    Attributes:
        row: Its number.
        pixels: (channels, H, W), or None where the picture is unusable.
        reason: Why it is unusable, or None.
        facts: Stored mode and size, or None where it could not be opened.
    """

    row: int
    pixels: ByteArray | None
    reason: str | None
    facts: PictureFacts | None


def decoder(spec: PreprocessSpec) -> str:
    """What decodes and resizes besides Pillow: part of the key of stored pixels."""
    return engine() if applies(spec) else ""


def decode(row: int, picture: Picture, spec: PreprocessSpec) -> Decoded:
    """Opens and prepares one picture; a fault becomes a reason, never an exception."""
    facts = None
    try:
        if isinstance(picture, ENCODED) and applies(spec):
            data = picture.encoded()
            ready = prepare_jpeg(data, spec)
            if ready is not None:
                return Decoded(row, ready[0], None, ready[1])
            image = decode_bytes(data)
        else:
            image = picture.open()
        facts = describe(image)
        return Decoded(row, prepare(image, spec), None, facts)
    except DataError as error:
        return Decoded(row, None, error.found, facts)


def decode_all(
    pictures: Sequence[Picture], spec: PreprocessSpec, *, workers: int | None = None
) -> Iterator[Decoded]:
    """Opens and prepares pictures, with threads where that pays; rows come back in their order.

    Pillow releases the interpreter lock while it decodes and resizes, so threads suffice.

    Args:
        pictures: The rows.
        spec: The checkpoint's preprocessing.
        workers: Threads; 0 decodes in the calling thread, None does where the quickest of the
            first pictures takes less than 0.3 ms, and else takes a thread per processor.

    Yields:
        One `Decoded` per picture. At most eight per worker are held at a time.
    """
    rows = enumerate(pictures)
    if workers is None:
        quickest = float("inf")
        for row, picture in islice(rows, _TRIED):
            begun = perf_counter()
            outcome = decode(row, picture, spec)
            quickest = min(quickest, perf_counter() - begun)
            yield outcome
        workers = 0 if quickest < _WORTH_A_THREAD else cores()
    waiting = max(1, _AHEAD * workers)
    yield from map_ahead(lambda item: decode(*item, spec), rows, workers=workers, waiting=waiting)
