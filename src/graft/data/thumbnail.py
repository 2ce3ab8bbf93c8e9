"""Small pictures for people: upright, on white, whole."""

from __future__ import annotations

from PIL import Image

from graft.data.images import coloured, upright
from graft.data.quiet import quiet_pillow


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """The whole picture in colour, its longer side at most `side` pixels.

    >>> thumbnail(Image.new("L", (400, 200)), 100).size
    (100, 50)
    """
    with quiet_pillow():
        small = coloured(upright(image), "RGB").copy()
        small.thumbnail((side, side))
    return small
