"""A bank of procedural textures: one class per family and coarseness, colours at random."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.spatial import cKDTree

SIDE = 96
SCALES = (3.0, 5.0, 8.0, 13.0)  # repetitions across a tile

Field = NDArray[np.float32]
Plane = tuple[Field, Field]


@dataclass(frozen=True)
class TextureBank:
    """Coloured texture pictures.

    Attributes:
        tiles: N x 3 x SIDE x SIDE uint8.
        labels: N class indices.
        classes: One name per class.
    """

    tiles: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def build_texture_bank(instances: int, seed: int) -> TextureBank:
    """Draw `instances` tiles of every family at every scale."""
    rng = np.random.default_rng(seed)
    kinds = [(name, family, scale) for name, family in FAMILIES.items() for scale in SCALES]
    tiles = [
        _colour(family(_plane(scale, rng), rng), rng)
        for _, family, scale in kinds
        for _ in range(instances)
    ]
    names = tuple(f"{name} {scale:g}" for name, _, scale in kinds)
    return TextureBank(np.stack(tiles), np.arange(len(kinds)).repeat(instances), names)


def _plane(scale: float, rng: np.random.Generator) -> Plane:
    """Coordinates, turned and slightly bent, that run over about `scale` units."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    angle, scale = rng.uniform(0, np.pi), scale * np.exp(rng.normal(0, 0.08))
    bend = rng.uniform(0, 0.06)
    u = np.cos(angle) * x - np.sin(angle) * y + bend * _noise(2.0, rng) + rng.random()
    v = np.sin(angle) * x + np.cos(angle) * y + bend * _noise(2.0, rng) + rng.random()
    return (u * scale).astype(np.float32), (v * scale).astype(np.float32)


def _noise(cells: float, rng: np.random.Generator) -> Field:
    """Smooth noise with about `cells` bumps across, in about [-1, 1]."""
    coarse = rng.uniform(-1, 1, (int(cells) + 4,) * 2).astype(np.float32)
    fine: Field = zoom(coarse, SIDE / max(cells, 1), order=3)
    return fine[:SIDE, :SIDE]


def _extent(plane: Plane) -> float:
    return float(np.ptp(plane[0]) / 1.4)


def _stripes(plane: Plane, rng: np.random.Generator) -> Field:
    sharp = rng.choice([1.0, 6.0])
    return np.asarray(np.tanh(sharp * np.sin(2 * np.pi * plane[0])), dtype=np.float32)


def _checks(plane: Plane, rng: np.random.Generator) -> Field:
    sharp = rng.choice([2.0, 9.0])
    return np.asarray(
        np.tanh(sharp * np.sin(np.pi * plane[0]) * np.sin(np.pi * plane[1])), dtype=np.float32
    )


def _dots(plane: Plane, rng: np.random.Generator) -> Field:
    radius = np.hypot(plane[0] % 1 - 0.5, plane[1] % 1 - 0.5)
    return np.asarray(np.tanh(12 * (rng.uniform(0.2, 0.38) - radius)), dtype=np.float32)


def _bricks(plane: Plane, rng: np.random.Generator) -> Field:
    row = np.floor(plane[1] * 2)
    across = (plane[0] + 0.5 * (row % 2)) % 1
    gap = np.minimum(np.minimum(across, 1 - across), np.minimum(plane[1] * 2 % 1, 0.5))
    return np.asarray(np.tanh((gap - rng.uniform(0.04, 0.1)) * 30), dtype=np.float32)


def _rings(plane: Plane, rng: np.random.Generator) -> Field:
    centre = rng.uniform(0, 1, 2) * _extent(plane)
    radius = np.hypot(plane[0] - centre[0], plane[1] - centre[1])
    return np.asarray(np.sin(2 * np.pi * (radius + 0.3 * _noise(3, rng))), dtype=np.float32)


def _clouds(plane: Plane, rng: np.random.Generator) -> Field:
    cells = _extent(plane)
    return np.asarray(
        sum((_noise(cells * 2**i, rng) / 1.7**i for i in range(4)), np.zeros((), np.float32)),
        dtype=np.float32,
    )


def _blobs(plane: Plane, rng: np.random.Generator) -> Field:
    return np.asarray(
        np.tanh(14 * (_noise(2 * _extent(plane), rng) + rng.uniform(-0.15, 0.15))), dtype=np.float32
    )


def _ridges(plane: Plane, rng: np.random.Generator) -> Field:
    cells = _extent(plane)
    return np.asarray(
        1 - 2 * np.abs(_noise(cells, rng)) - 0.7 * np.abs(_noise(2 * cells, rng)), dtype=np.float32
    )


def _cells(plane: Plane, rng: np.random.Generator) -> Field:
    nearest, second = _two_nearest(plane, rng)
    return np.asarray(np.tanh(4 * (second - nearest) - 0.7), dtype=np.float32)


def _pebbles(plane: Plane, rng: np.random.Generator) -> Field:
    nearest, _ = _two_nearest(plane, rng)
    return np.asarray(1 - 2 * nearest, dtype=np.float32)


def _two_nearest(plane: Plane, rng: np.random.Generator) -> Plane:
    low = np.array([plane[0].min(), plane[1].min()])
    extent = np.array([np.ptp(plane[0]), np.ptp(plane[1])])
    count = max(4, int(extent[0] * extent[1]))
    points = low + rng.random((count, 2)) * extent
    near = np.asarray(cKDTree(points).query(np.stack(plane, -1), k=2)[0], dtype=np.float32)
    return near[..., 0], near[..., 1]


def _weave(plane: Plane, rng: np.random.Generator) -> Field:
    over = (np.floor(plane[0]) + np.floor(plane[1])) % 2 == 0
    thread = np.where(over, np.sin(np.pi * (plane[0] % 1)), np.sin(np.pi * (plane[1] % 1)))
    return np.asarray(
        2 * thread.astype(np.float32) - 1 + np.float32(rng.normal(0, 0.05)), dtype=np.float32
    )


def _grain(plane: Plane, rng: np.random.Generator) -> Field:
    stretched = _noise(2, rng) + plane[0] * 2
    return np.asarray(
        np.sin(2 * np.pi * stretched) * 0.5 + 0.5 * np.sin(9 * np.pi * stretched), dtype=np.float32
    )


def _speckle(plane: Plane, rng: np.random.Generator) -> Field:
    speckle = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    return np.asarray(speckle * 0.6 + _noise(_extent(plane), rng), dtype=np.float32)


def _zigzag(plane: Plane, rng: np.random.Generator) -> Field:
    wave = np.abs(plane[0] % 1 - 0.5) * rng.choice([1.0, 2.0])
    return np.asarray(np.tanh(5 * np.sin(2 * np.pi * (plane[1] + wave))), dtype=np.float32)


FAMILIES: dict[str, Callable[[Plane, np.random.Generator], Field]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "bricks": _bricks,
    "rings": _rings,
    "clouds": _clouds,
    "blobs": _blobs,
    "ridges": _ridges,
    "cells": _cells,
    "pebbles": _pebbles,
    "weave": _weave,
    "grain": _grain,
    "speckle": _speckle,
    "zigzag": _zigzag,
}


def _colour(field: Field, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Maps a field to a random three-colour gradient with uneven light."""
    ranked = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
    stops = np.linspace(0, 1, 3)
    colours = rng.random((3, 3)) if rng.random() < 0.8 else np.repeat(rng.random((3, 1)), 3, 1)
    light = 1 + rng.uniform(0, 0.25) * _noise(1, rng)
    channels = [np.interp(ranked, stops, colours[:, channel]) * light for channel in range(3)]
    return np.asarray(np.clip(np.stack(channels) * 255, 0, 255), dtype=np.uint8)
