"""A bank of coloured drawings: the emoji of Noto Color Emoji that show no digits."""

import unicodedata
from dataclasses import dataclass

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scripts.pretrain.fonts import EMOJI_FONT, FONT_ROOT, shows_digit

SIDE = 64
BITMAP_SIZE = 109  # the one size at which the font holds bitmaps
FIRST_CODE = 0x2190  # below are letters, which the glyph bank has


@dataclass(frozen=True)
class DrawingBank:
    """Coloured pictures with transparency.

    Attributes:
        tiles: N x 4 x SIDE x SIDE uint8, RGBA.
        labels: N class indices.
        classes: One name per class.
    """

    tiles: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def build_emoji_bank() -> DrawingBank:
    """Draw every single-character emoji without digits, one class each."""
    path = FONT_ROOT / EMOJI_FONT
    codes = sorted(TTFont(path).getBestCmap())
    font = ImageFont.truetype(path, BITMAP_SIZE)
    tiles, names = [], []
    for char in (chr(code) for code in codes if code >= FIRST_CODE):
        name = unicodedata.name(char, "")
        if not name or shows_digit(char):
            continue
        tile = _draw(char, font)
        if tile is not None:
            tiles.append(tile)
            names.append(name)
    return DrawingBank(np.stack(tiles), np.arange(len(tiles)), tuple(names))


def _draw(char: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8] | None:
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((10, 10), char, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 24:
        return None
    cut = canvas.crop(box)
    cut.thumbnail((SIDE - 8, SIDE - 8), Image.Resampling.LANCZOS)
    tile = Image.new("RGBA", (SIDE, SIDE))
    tile.paste(cut, ((SIDE - cut.width) // 2, (SIDE - cut.height) // 2))
    return np.asarray(tile, dtype=np.uint8).transpose(2, 0, 1)
