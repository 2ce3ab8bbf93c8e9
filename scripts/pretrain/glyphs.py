"""A bank of characters of many scripts, drawn from fonts, one class per distinguishable shape."""

import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from fontTools.ttLib import TTCollection, TTFont
from numpy.typing import NDArray
from PIL import Image, ImageFont

from scripts.pretrain.fonts import FontFile, list_fonts, shows_digit

SIDE = 64
INK = 52  # longest side of the drawn character inside the SIDE x SIDE tile
SMALLEST_INK = 0.3  # of the font size; full stops and commas are no shapes worth a class
BLOCK = 256
FEWEST_TILES = 10  # a class of fewer teaches little about how a character varies
# Characters of one font only, per block; those of several fonts are all drawn.
RARE_PER_BLOCK = 40
LIMITS = {"han": 500, "hangul": 200}
DIGITS = "0123456789"
DIGIT_LIKE = 0.93  # cosine with a digit of the same font above which a letter is not drawn
DIGIT_SHAPED = "շꜬꜭ"  # letters of that kind that the comparison misses, found by looking
LOOKALIKE = 0.985  # cosine of two thumbnails in the same font above which they share a class


@dataclass(frozen=True)
class GlyphBank:
    """Coverage pictures of characters.

    Attributes:
        tiles: N x SIDE x SIDE uint8, 255 where there is ink.
        labels: N class indices.
        classes: One string per class: the characters that share its shape.
    """

    tiles: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def build_glyph_bank(seed: int) -> GlyphBank:
    """Draw every wanted character of every font, and merge characters that look the same."""
    fonts = list_fonts()
    cmaps = [_character_set(font) for font in fonts]
    wanted = _choose_characters(cmaps, np.random.default_rng(seed))
    tiles: list[NDArray[np.uint8]] = []
    chars: list[str] = []
    same: list[tuple[str, str]] = []
    digit_like = set(DIGIT_SHAPED) & wanted
    for font, cmap in zip(fonts, cmaps, strict=True):
        drawn = _draw_font(font, sorted(wanted & cmap))
        tiles += drawn.values()
        chars += drawn.keys()
        if not font.handwritten and len(drawn) > 1:
            same += _lookalikes(drawn)
            digit_like |= find_digit_like(drawn, _draw_font(font, sorted(cmap & set(DIGITS))))
    return _make_classes(tiles, chars, same, digit_like)


def _character_set(font: FontFile) -> set[str]:
    collection = font.path.suffix == ".ttc"
    opened = TTCollection(font.path).fonts[0] if collection else TTFont(font.path)
    return {chr(code) for code in opened.getBestCmap()}


def _choose_characters(cmaps: list[set[str]], rng: np.random.Generator) -> set[str]:
    fonts_of = Counter(char for cmap in cmaps for char in cmap)
    groups: dict[str, list[str]] = defaultdict(list)
    chosen: set[str] = set()
    for char in sorted(fonts_of):
        if not _is_drawable(char) or shows_digit(char):
            continue
        group = _group(char)
        if fonts_of[char] > 2 and group not in LIMITS:
            chosen.add(char)
        else:
            groups[group].append(char)
    for group, chars in sorted(groups.items()):
        limit = LIMITS.get(group, RARE_PER_BLOCK)
        chosen.update(rng.permutation(np.array(chars))[:limit].tolist())
    return chosen


def _is_drawable(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind in ("Lm", "Co", "Cn") or kind[0] not in "LSP":
        return False
    if unicodedata.name(char, "").startswith("CJK UNIFIED"):
        return _is_common_han(char)
    # Letters with accents differ from each other by little more than a dot.
    hangul = "가" <= char <= "힣"
    return hangul or not unicodedata.decomposition(char)


def _is_common_han(char: str) -> bool:
    try:
        char.encode("shift_jis")
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _group(char: str) -> str:
    if unicodedata.name(char, "").startswith("CJK UNIFIED"):
        return "han"
    if "가" <= char <= "힣":
        return "hangul"
    return f"{ord(char) // BLOCK:04x}"


def _draw_font(font: FontFile, chars: list[str]) -> dict[str, NDArray[np.uint8]]:
    drawer = ImageFont.truetype(font.path, INK)
    drawn = {}
    for char in chars:
        try:
            mask = drawer.getmask(char, mode="L")
        except OSError:  # a glyph that FreeType refuses
            continue
        width, height = mask.size
        if max(width, height) < SMALLEST_INK * INK or min(width, height) == 0:
            continue
        ink = np.array(mask, dtype=np.uint8).reshape(height, width)
        if ink.max() > 128:
            drawn[char] = _fit(ink)
    return drawn


def _fit(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    picture = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = INK / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    tile = Image.new("L", (SIDE, SIDE))
    place = ((SIDE - width) // 2, (SIDE - height) // 2)
    tile.paste(picture.resize((width, height), Image.Resampling.BICUBIC), place)
    return np.asarray(tile, dtype=np.uint8)


def find_digit_like(
    drawn: dict[str, NDArray[np.uint8]], digits: dict[str, NDArray[np.uint8]]
) -> set[str]:
    """Letters that could be taken for a digit of the same font, such as Cyrillic Ze for 3."""
    if not digits:
        return set()
    alike = _thumbnails(drawn) @ _thumbnails(digits).T
    return {char for char, cosine in zip(drawn, alike.max(1), strict=True) if cosine > DIGIT_LIKE}


def _thumbnails(drawn: dict[str, NDArray[np.uint8]]) -> NDArray[np.float32]:
    tiles = np.stack(list(drawn.values())).astype(np.float32)
    thumbs = tiles.reshape(len(tiles), 16, SIDE // 16, 16, SIDE // 16).mean((2, 4)).reshape(-1, 256)
    unit: NDArray[np.float32] = thumbs / np.linalg.norm(thumbs, axis=1, keepdims=True)
    return unit


def _lookalikes(drawn: dict[str, NDArray[np.uint8]]) -> list[tuple[str, str]]:
    chars = list(drawn)
    thumbs = _thumbnails(drawn)
    first, second = np.nonzero(np.triu(thumbs @ thumbs.T > LOOKALIKE, k=1))
    return [(chars[i], chars[j]) for i, j in zip(first, second, strict=True)]


def _make_classes(
    tiles: list[NDArray[np.uint8]],
    chars: list[str],
    same: list[tuple[str, str]],
    digit_like: set[str],
) -> GlyphBank:
    parent = {char: char for char in chars}

    def root(char: str) -> str:
        while parent[char] != char:
            parent[char] = parent[parent[char]]
            char = parent[char]
        return char

    for first, second in same:
        parent[max(root(first), root(second))] = min(root(first), root(second))
    drawn = Counter(root(char) for char in chars)
    for char in digit_like:
        drawn[root(char)] = 0
    members: dict[str, list[str]] = defaultdict(list)
    for char in sorted(parent):
        if drawn[root(char)] >= FEWEST_TILES:
            members[root(char)].append(char)
    index = {name: number for number, name in enumerate(members)}
    kept = [number for number, char in enumerate(chars) if root(char) in index]
    labels = np.array([index[root(chars[number])] for number in kept], dtype=np.int64)
    names = tuple("".join(group) for group in members.values())
    return GlyphBank(np.stack([tiles[number] for number in kept]), labels, names)
