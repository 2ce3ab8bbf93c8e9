"""A generated ten-class set in CIFAR-10's binary layout, for trials without a download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.types import ByteArray, IntArray

_SIDE = 32
_BATCHES = 5
Field = npt.NDArray[Any]  # (N, 32, 32), or (N, 1, 1) where a value holds for the picture


def synthetic_cifar(folder: Path, *, rows: int, test_rows: int, seed: int = 0) -> None:
    """Writes five train batches, a test batch and the class names.

    Args:
        folder: Made if it does not exist.
        rows: Training pictures.
        test_rows: Test pictures.
        seed: Same seed, same bytes.
    """
    pictures, targets = synthetic_pictures(rows, seed=seed)
    test_pictures, test_targets = synthetic_pictures(test_rows, seed=seed + 1_000_003)
    write_cifar(
        folder, pictures, targets, CLASSES, test_pictures=test_pictures, test_targets=test_targets
    )


def write_cifar(
    folder: Path,
    pictures: ByteArray,
    targets: IntArray,
    names: Sequence[str],
    *,
    test_pictures: ByteArray,
    test_targets: IntArray,
) -> None:
    """Writes pictures in CIFAR-10's binary layout.

    Args:
        folder: Made if it does not exist.
        pictures: (N, 32, 32, 3) training pictures.
        targets: (N,) their classes, below 256.
        names: The class names.
        test_pictures: (M, 32, 32, 3) test pictures.
        test_targets: (M,) their classes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shares = np.array_split(np.arange(len(pictures)), _BATCHES)
    for number, share in enumerate(shares, 1):
        if len(share):
            _write(folder / f"data_batch_{number}.bin", pictures[share], targets[share])
    _write(folder / "test_batch.bin", test_pictures, test_targets)
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n", encoding="utf-8")


def synthetic_pictures(rows: int, *, seed: int = 0) -> tuple[ByteArray, IntArray]:
    """Shapes and patterns of random colour, place and size on a noisy ground.

    The class is the shape, never the colour, so that raw pixels tell it only in part.

    Args:
        rows: N; classes take turns.
        seed: Same seed, same pictures.

    Returns:
        (N, 32, 32, 3) pictures and (N,) classes, an index into `CLASSES`.

    >>> pictures, targets = synthetic_pictures(12)
    >>> pictures.shape, targets.tolist()
    ((12, 32, 32, 3), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    """
    random = np.random.default_rng(seed)
    targets = np.arange(rows, dtype=np.int64) % len(CLASSES)
    x, y, size = _placed(rows, random)
    inside = np.zeros((rows, _SIDE, _SIDE, 1), dtype=bool)
    for target, shape in enumerate(_SHAPES.values()):
        chosen = targets == target
        inside[chosen, :, :, 0] = shape(x[chosen], y[chosen], size[chosen])
    ground = random.uniform(0, 255, (rows, 1, 1, 3))
    # The shape's colour differs from the ground's by half the range in every channel.
    colour = (ground + 127.5 + random.uniform(-40, 40, ground.shape)) % 255
    noise = random.normal(0, 12, (rows, _SIDE, _SIDE, 3))
    pixels = np.where(inside, colour, ground) + noise
    return pixels.round().clip(0, 255).astype(np.uint8), targets


def _placed(rows: int, random: np.random.Generator) -> tuple[Field, Field, Field]:
    """Pixel places relative to each shape's centre, and each shape's half width."""
    centre = random.uniform(_SIDE * 0.38, _SIDE * 0.62, (2, rows, 1, 1))
    size = random.uniform(_SIDE * 0.22, _SIDE * 0.36, (rows, 1, 1))
    place = np.arange(_SIDE) + 0.5
    return place[None, None, :] - centre[0], place[None, :, None] - centre[1], size


def _disc(x: Field, y: Field, size: Field) -> Field:
    return np.hypot(x, y) < size


def _ring(x: Field, y: Field, size: Field) -> Field:
    inside: Field = np.less(np.abs(np.hypot(x, y) - 0.8 * size), 0.22 * size)
    return inside


def _square(x: Field, y: Field, size: Field) -> Field:
    return np.maximum(np.abs(x), np.abs(y)) < 0.85 * size


def _frame(x: Field, y: Field, size: Field) -> Field:
    return np.abs(np.maximum(np.abs(x), np.abs(y)) - 0.8 * size) < 0.2 * size


def _triangle(x: Field, y: Field, size: Field) -> Field:
    return (y < 0.8 * size) & (2 * np.abs(x) < y + size)


def _plus(x: Field, y: Field, size: Field) -> Field:
    near, far = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
    return (near < 0.25 * size) & (far < size)


def _saltire(x: Field, y: Field, size: Field) -> Field:
    return _plus((x + y) / 2**0.5, (x - y) / 2**0.5, size)


def _lying_stripes(x: Field, y: Field, size: Field) -> Field:
    inside: Field = np.greater(np.sin(y * 6 / size) + 0 * x, 0)
    return inside


def _standing_stripes(x: Field, y: Field, size: Field) -> Field:
    inside: Field = np.greater(np.sin(x * 6 / size) + 0 * y, 0)
    return inside


def _chequers(x: Field, y: Field, size: Field) -> Field:
    inside: Field = np.greater(np.sin(x * 5 / size) * np.sin(y * 5 / size), 0)
    return inside


_SHAPES: dict[str, Callable[[Field, Field, Field], Field]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "frame": _frame,
    "triangle": _triangle,
    "plus": _plus,
    "saltire": _saltire,
    "lying stripes": _lying_stripes,
    "standing stripes": _standing_stripes,
    "chequers": _chequers,
}
CLASSES = tuple(_SHAPES)


def _write(path: Path, pictures: ByteArray, targets: IntArray) -> None:
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    labels = targets.astype(np.uint8)[:, None]
    path.write_bytes(np.concatenate([labels, planes], axis=1).tobytes())
