"""Photo-like JPEGs: soft light, objects and fine texture, about as heavy as a camera's."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from graft.types import ByteArray, FloatArray

WIDTH, HEIGHT = 640, 480
CLASSES = 10
QUALITY = 85


def write_photos(folder: Path, count: int, *, seed: int) -> None:
    """Write `count` JPEGs of 640 x 480 into one folder per class, classes in turn.

    Args:
        folder: Made if it does not exist.
        count: How many.
        seed: Same seed, same pictures.
    """
    for number in range(count):
        target = number % CLASSES
        random = np.random.default_rng((seed, number))
        path = folder / f"class{target}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(target, random)).save(path, quality=QUALITY)


def photo(target: int, random: np.random.Generator) -> ByteArray:
    """(480, 640, 3) picture: the class decides the objects' shape and, loosely, their colour."""
    above, below = random.uniform((0.6, 0.3), (1.0, 0.7))
    light = np.linspace(above, below, HEIGHT, dtype=np.float32)
    ground = _colour(random.uniform(0, 2 * math.pi)) * light[:, None]
    scene = ground[:, None] + np.float32(0.2) * _clouds(random, 0.55)[..., None]
    near = _colour(2 * math.pi * target / CLASSES + random.normal(0, 0.3))
    shaded = near * (np.float32(0.75) + np.float32(0.35) * _clouds(random, 0.75))[..., None]
    mask = _objects(target, random)[..., None]
    grain = np.float32(0.012) * random.standard_normal((HEIGHT, WIDTH, 1), np.float32)
    mixed = 255 * (scene + mask * (shaded - scene) + grain)
    pixels: ByteArray = mixed.clip(0, 255).astype(np.uint8)
    return pixels


def _colour(angle: float) -> FloatArray:
    """(3,) a muted colour of this hue."""
    steps = angle + np.array([0.0, 2.0, 4.0]) * math.pi / 3
    return np.asarray(0.55 + 0.25 * np.cos(steps), dtype=np.float32)


def _clouds(random: np.random.Generator, roughness: float) -> FloatArray:
    """(480, 640) noise whose octaves weaken by `roughness`, as in photographs."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    weight, cells = 1.0, 4
    while cells <= HEIGHT:
        coarse = random.standard_normal((cells * HEIGHT // WIDTH + 1, cells), np.float32)
        grown = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += weight * np.asarray(grown)
        weight, cells = weight * roughness, cells * 2
    total /= total.std()
    return total


def _objects(target: int, random: np.random.Generator) -> FloatArray:
    """(480, 640) mask of a few things with 3 to 7 corners, or round, with soft edges."""
    canvas = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for _ in range(1 + target // 5 * 3 + int(random.integers(2))):
        x, y = random.uniform(0.2, 0.8) * WIDTH, random.uniform(0.25, 0.75) * HEIGHT
        radius = random.uniform(50, 150)
        corners = 3 + target % 5 if target % 5 < 4 else 40
        turn = random.uniform(0, 2 * math.pi)
        angles = [turn + 2 * math.pi * corner / corners for corner in range(corners)]
        outline = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        draw.polygon(outline, fill=255)
    soft = canvas.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 3.0)))
    return np.asarray(soft, dtype=np.float32) / np.float32(255)
