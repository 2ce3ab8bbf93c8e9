"""How large and how colourful the pictures of a data set are as they were stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.data.images import coloured
from graft.data.pictures import Picture
from graft.errors import UserError
from graft.types import FloatArray

LOOKED_AT = 64
"""Pictures that are opened, evenly spread over the rows."""
OFF_AXIS = 0.005
"""Share of the variance of a picture's colours beside their main axis from which it has several."""


@dataclass(frozen=True, slots=True)
class Native:
    """What the pictures are like before any preparation.

    Attributes:
        side: Median of the pictures' sides in pixels, each the root of height times width.
        coloured: Whether at least half of the pictures have several colours. One colour of ink on
            one of paper, whatever they are, with all shades between them, is not several.
    """

    side: float
    coloured: bool


def native_look(pictures: Sequence[Picture], most: int = LOOKED_AT) -> Native | None:
    """Open a few pictures and say what they are like; None where none of them can be opened.

    Args:
        pictures: In the data's order.
        most: How many are opened at most; the same ones every time.
    """
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(most, len(pictures))).astype(int))
    looks = [look for row in chosen if (look := _look(pictures[row])) is not None]
    if not looks:
        return None
    sides, colours = zip(*looks, strict=True)
    return Native(float(np.median(sides)), bool(np.mean(colours) >= 0.5))


def _look(picture: Picture) -> tuple[float, bool] | None:
    try:
        image = picture.open()
        side = float(image.width * image.height) ** 0.5
        image.thumbnail((256, 256))
        pixels = np.asarray(coloured(image, "RGB"), dtype=np.float64).reshape(-1, 3)
    except UserError:  # it will be set aside, and told, when it is decoded
        return None
    return side, has_several_colours(pixels)


def has_several_colours(pixels: FloatArray) -> bool:
    """Whether the colours (N, 3) of a picture's pixels lie off one line.

    >>> ink_and_paper = np.array([[0.0, 0.0, 80.0], [255.0, 250.0, 240.0]])
    >>> has_several_colours(ink_and_paper)
    False
    >>> has_several_colours(np.vstack([ink_and_paper, [255.0, 0.0, 0.0]]))
    True
    """
    centred = pixels - pixels.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred)
    return bool(variances[:2].sum() > OFF_AXIS * max(variances.sum(), 1e-9))
