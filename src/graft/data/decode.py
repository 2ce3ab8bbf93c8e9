"""Decoding in parallel, in row order, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from graft.data.images import PictureFacts, describe, prepare
from graft.data.pictures import Picture
from graft.errors import DataError
from graft.types import ByteArray, PreprocessSpec

_AHEAD = 8  # pictures in flight per worker


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


def decode(row: int, picture: Picture, spec: PreprocessSpec) -> Decoded:
    """Opens and prepares one picture; a fault becomes a reason, never an exception."""
    facts = None
    try:
        image = picture.open()
        facts = describe(image)
        return Decoded(row, prepare(image, spec), None, facts)
    except DataError as error:
        return Decoded(row, None, error.found, facts)


def decode_all(
    pictures: Sequence[Picture], spec: PreprocessSpec, *, workers: int = 2
) -> Iterator[Decoded]:
    """Opens and prepares pictures with threads; rows come back in their order.

    Pillow releases the interpreter lock while it decodes and resizes, so threads suffice.

    Args:
        pictures: The rows.
        spec: The checkpoint's preprocessing.
        workers: Threads; 0 decodes in the calling thread.

    Returns:
        One `Decoded` per picture. At most eight per worker are held at a time.
    """
    if workers < 1:
        yield from (decode(row, picture, spec) for row, picture in enumerate(pictures))
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="graft-decode")
    pending: deque[Future[Decoded]] = deque()
    try:
        for row, picture in enumerate(pictures):
            pending.append(pool.submit(decode, row, picture, spec))
            if len(pending) >= _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
