"""A look at every picture: can it be opened, what is it stored as, what does it look like."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from graft.data.images import PictureFacts, coloured, describe, upright
from graft.data.pictures import DAMAGE, Picture
from graft.data.quiet import quiet_pillow
from graft.errors import DataError
from graft.progress import Progress
from graft.types import ByteArray

SIDE = 16
"""Side of the thumbnails that pictures are compared by."""
WORKERS = 2
AT_A_TIME = 256


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was seen of N pictures.

    Attributes:
        facts: Stored mode and size of each; None where it cannot be opened.
        formats: File format of each, such as `JPEG`; '' where there is none.
        several: Whether each has several frames or pages, as animations do.
        thumbnails: (N, SIDE, SIDE, 3) the whole picture, upright, on white; 0 where unreadable.
        faults: Row number to the reason why it cannot be opened.
    """

    facts: tuple[PictureFacts | None, ...]
    formats: tuple[str, ...]
    several: tuple[bool, ...]
    thumbnails: ByteArray
    faults: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Seen:
    facts: PictureFacts | None = None
    format: str = ""
    several: bool = False
    thumbnail: ByteArray | None = None
    fault: str | None = None


def inspect(pictures: Sequence[Picture], progress: Progress) -> Inspection:
    """Open every picture once, with threads; nothing but thumbnails stays in memory.

    Args:
        pictures: The rows.
        progress: Told about every picture.
    """
    seen: list[_Seen] = []
    progress.start("open pictures", len(pictures))
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="graft-doctor") as pool:
        for start in range(0, len(pictures), AT_A_TIME):
            for one in pool.map(_look, pictures[start : start + AT_A_TIME]):
                seen.append(one)
                progress.advance("open pictures")
    progress.finish("open pictures")
    empty = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    thumbnails = [empty if one.thumbnail is None else one.thumbnail for one in seen]
    return Inspection(
        facts=tuple(one.facts for one in seen),
        formats=tuple(one.format for one in seen),
        several=tuple(one.several for one in seen),
        thumbnails=np.stack(thumbnails) if thumbnails else np.empty((0, SIDE, SIDE, 3), np.uint8),
        faults={row: one.fault for row, one in enumerate(seen) if one.fault is not None},
    )


def _look(picture: Picture) -> _Seen:
    try:
        image = picture.open()
        # A picture that Pillow read from a file knows its format; an array has none.
        facts, kind, small = describe(image), str(image.format or ""), _thumbnail(image)
        return _Seen(facts, kind, _has_several(image), small)
    except DataError as error:
        return _Seen(fault=error.found)


def _has_several(image: Image.Image) -> bool:
    """Whether more frames follow; asked last, since Pillow goes to the next one for it."""
    with quiet_pillow():
        try:
            return bool(getattr(image, "is_animated", False))
        except (*DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning):
            return False  # the first is whole, and no other is used


def _thumbnail(image: Image.Image) -> ByteArray:
    with quiet_pillow():
        try:
            colour = coloured(upright(image), "RGB")
            small = colour.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=3.0)
        except DAMAGE as error:
            raise DataError(f"the picture cannot be converted: {error}") from error
    return np.asarray(small, dtype=np.uint8)
