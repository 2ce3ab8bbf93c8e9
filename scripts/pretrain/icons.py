"""Invented icons: each class is an arrangement of shapes, each instance is drawn anew.

An instance of an icon keeps the arrangement and changes what an icon artist changes: palette,
gradient, outline, shadow, proportions. An instance of a family's body keeps the style as well.
"""

import colorsys
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from scripts.pretrain.emoji import SIDE, DrawingBank

CANVAS = 2 * SIDE
SHAPES = ("ellipse", "rectangle", "rounded", "triangle", "polygon", "star", "bar", "ring", "arrow")
PALETTE = 3


@dataclass(frozen=True)
class Part:
    """One shape of a class; lengths are shares of the canvas."""

    shape: str
    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float
    colour: int
    corners: int


@dataclass(frozen=True)
class Style:
    """How an icon is painted.

    Attributes:
        palette: PALETTE x 3 in [0, 1].
        outline: Width in pixels of the canvas; 0 is none.
        gradient: Change of light from bottom to top.
        shadow: Whether it casts one.
    """

    palette: NDArray[np.float64]
    outline: int
    gradient: float
    shadow: bool


def build_icon_bank(classes: int, instances: int, seed: int) -> DrawingBank:
    """Invent `classes` icons and draw each `instances` times, each time in another style."""
    rng = np.random.default_rng(seed)
    programs = [_invent(rng, int(rng.integers(2, 6))) for _ in range(classes)]
    tiles = [
        _draw(program, _invent_style(rng), rng) for program in programs for _ in range(instances)
    ]
    return _bank(programs, tiles, instances)


def build_family_bank(classes: int, instances: int, seed: int) -> DrawingBank:
    """Invent `classes` bodies of one to three shapes, each in a style of its own."""
    rng = np.random.default_rng([seed, 1])
    programs = [_invent(rng, int(rng.integers(1, 4))) for _ in range(classes)]
    styles = [_invent_style(rng) for _ in programs]
    tiles = [
        _draw(program, _vary_style(style, rng), rng)
        for program, style in zip(programs, styles, strict=True)
        for _ in range(instances)
    ]
    return _bank(programs, tiles, instances)


def _bank(
    programs: list[list[Part]], tiles: list[NDArray[np.uint8]], instances: int
) -> DrawingBank:
    names = tuple("+".join(part.shape for part in program) for program in programs)
    return DrawingBank(np.stack(tiles), np.arange(len(programs)).repeat(instances), names)


def join_banks(first: DrawingBank, second: DrawingBank) -> DrawingBank:
    """One bank with the classes of both."""
    return DrawingBank(
        np.concatenate([first.tiles, second.tiles]),
        np.concatenate([first.labels, second.labels + len(first.classes)]),
        first.classes + second.classes,
    )


def _invent(rng: np.random.Generator, count: int) -> list[Part]:
    parts = []
    for number in range(count):
        # The first part is the body, the others are details on it or beside it.
        spread, large = (0.08, 0.7) if number == 0 else (0.3, 0.38)
        shape = str(rng.choice(SHAPES))
        size = large * rng.uniform(0.5, 1.15, 2)
        if shape == "bar":
            size[1] *= 0.25
        centre = 0.5 + rng.uniform(-spread, spread, 2)
        angle = float(rng.choice([0, 0, 0, math.pi / 4, rng.uniform(0, math.pi)]))
        parts.append(
            Part(
                shape,
                (float(centre[0]), float(centre[1])),
                (float(size[0]), float(size[1])),
                angle,
                int(rng.integers(PALETTE)),
                int(rng.integers(5, 9)),
            )
        )
    return parts


def _invent_style(rng: np.random.Generator) -> Style:
    palette = _invent_palette(rng)
    outline = int(rng.choice([0, 0, 2, 4]))
    gradient = float(rng.uniform(-0.5, 0.5)) * bool(rng.random() < 0.7)
    return Style(palette, outline, gradient, bool(rng.random() < 0.4))


def _vary_style(style: Style, rng: np.random.Generator) -> Style:
    palette = np.clip(style.palette + rng.normal(0, 0.04, style.palette.shape), 0, 1)
    return replace(style, palette=palette, gradient=style.gradient + float(rng.normal(0, 0.05)))


def _draw(parts: list[Part], style: Style, rng: np.random.Generator) -> NDArray[np.uint8]:
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    for part in parts:
        mask, colour = _mask(_vary(part, rng)), style.palette[part.colour]
        if style.outline:
            thick = mask.filter(ImageFilter.MaxFilter(2 * style.outline + 1))
            canvas.paste(_fill(colour * 0.45, 0.0), mask=thick)
        canvas.paste(_fill(colour, style.gradient), mask=mask)
    if style.shadow:
        canvas = _cast_shadow(canvas, rng)
    small = canvas.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).transpose(2, 0, 1)


def _invent_palette(rng: np.random.Generator) -> NDArray[np.float64]:
    hue = rng.random()
    spread = rng.choice([0.06, 0.33, 0.5])
    colours = [
        colorsys.hls_to_rgb(
            (hue + number * spread) % 1.0,
            float(np.clip(rng.normal((0.45, 0.75, 0.3)[number], 0.1), 0.1, 0.95)),
            rng.uniform(0.1, 1.0),
        )
        for number in range(PALETTE)
    ]
    return np.array(colours)


def _vary(part: Part, rng: np.random.Generator) -> Part:
    shift, stretch = rng.normal(0, 0.02, 2), np.exp(rng.normal(0, 0.08, 2))
    return Part(
        part.shape,
        (part.centre[0] + float(shift[0]), part.centre[1] + float(shift[1])),
        (part.size[0] * float(stretch[0]), part.size[1] * float(stretch[1])),
        part.angle + float(rng.normal(0, 0.06)),
        part.colour,
        part.corners,
    )


def _mask(part: Part) -> Image.Image:
    mask = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(mask)
    pen.polygon(_place(_outline(part), part, 1.0), fill=255)
    if part.shape == "ring":
        pen.polygon(_place(_outline(part), part, 0.6), fill=0)
    return mask


def _outline(part: Part) -> NDArray[np.float64]:
    """The shape's corners in the square from -1 to 1."""
    match part.shape:
        case "rectangle" | "bar":
            return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
        case "triangle":
            return np.array([(-1, 1), (0, -1), (1, 1)], dtype=float)
        case "arrow":
            corners = [(-1, -0.35), (0.1, -0.35), (0.1, -1), (1, 0), (0.1, 1), (0.1, 0.35)]
            return np.array([*corners, (-1, 0.35)], dtype=float)
        case "star":
            turn = np.arange(2 * part.corners) * (math.pi / part.corners)
            radius = np.where(np.arange(2 * part.corners) % 2, 0.5, 1.0)
        case "polygon":
            turn = np.arange(part.corners) * (2 * math.pi / part.corners)
            radius = np.ones(part.corners)
        case _:
            turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
            power = 5.0 if part.shape == "rounded" else 2.0
            radius = (np.abs(np.cos(turn)) ** power + np.abs(np.sin(turn)) ** power) ** (-1 / power)
    return np.stack([radius * np.sin(turn), -radius * np.cos(turn)], 1)


def _place(corners: NDArray[np.float64], part: Part, scale: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(part.angle), math.sin(part.angle)
    turned = corners * np.array(part.size) / 2 * scale @ np.array([[cos, sin], [-sin, cos]])
    placed = (turned + np.array(part.centre)) * CANVAS
    return [(float(x), float(y)) for x, y in placed]


def _fill(colour: NDArray[np.float64], gradient: float) -> Image.Image:
    light = 1 + gradient * np.linspace(1, -1, CANVAS)[:, None, None]
    rows = np.clip(colour * light * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(rows, (CANVAS, CANVAS, 3)).copy())


def _cast_shadow(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    alpha = canvas.getchannel("A").filter(ImageFilter.GaussianBlur(4))
    shadow = Image.new("RGBA", canvas.size)
    shadow.putalpha(alpha.point([value // 2 for value in range(256)]))
    offset = (int(rng.integers(-4, 5)), int(rng.integers(0, 8)))
    under = Image.new("RGBA", canvas.size)
    under.paste(shadow, offset)
    return Image.alpha_composite(under, canvas)
