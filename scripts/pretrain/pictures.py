"""Pictures to evaluate on: handwritten digits, and icon themes that are not trained on."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

ICON_ROOT = Path("/usr/share/icons")
FEWEST_ICONS = 15
DIGIT_TEST = 800
SPLIT_SEED = 12345


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures of one size.

    Attributes:
        pixels: N x H x W x 3 in [0, 1].
        labels: N class indices.
        classes: Class names.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def read_digits() -> Pictures:
    """scikit-learn's scanned digits, 8 x 8, as grey pictures of three equal channels."""
    digits = load_digits()
    grey = (digits.images / 16).astype(np.float32)
    names = tuple(str(name) for name in range(10))
    return Pictures(np.repeat(grey[..., None], 3, -1), digits.target.astype(np.int64), names)


def split_digits(labels: NDArray[np.int64], shots: int, seed: int) -> NDArray[np.int64]:
    """Indices of `shots` training digits a class; never one of `digit_test`."""
    pool = np.random.default_rng(SPLIT_SEED).permutation(len(labels))[DIGIT_TEST:]
    rng = np.random.default_rng(1000 + seed)
    chosen = [rng.choice(pool[labels[pool] == c], shots, replace=False) for c in range(10)]
    return np.concatenate(chosen)


def digit_test(count: int) -> NDArray[np.int64]:
    """Indices of the one fixed test set."""
    return np.random.default_rng(SPLIT_SEED).permutation(count)[:DIGIT_TEST]


def read_icons(theme: str, side: int) -> Pictures:
    """Icons of a theme on white, class = context folder; no picture twice.

    Symbolic links are skipped; a picture that stands in several contexts is left out altogether.
    """
    contexts: dict[str, set[str]] = defaultdict(set)
    pictures: dict[str, NDArray[np.float32]] = {}
    for context, file in _icon_files(ICON_ROOT / theme, side):
        picture = _on_white(file)
        if picture.shape[:2] != (side, side):
            continue
        key = hashlib.sha256(picture.tobytes()).hexdigest()
        contexts[key].add(context)
        pictures.setdefault(key, picture)
    unique = {key: next(iter(names)) for key, names in contexts.items() if len(names) == 1}
    found = list(unique.values())
    classes = tuple(sorted({name for name in found if found.count(name) >= FEWEST_ICONS}))
    kept = [key for key, name in unique.items() if name in classes]
    labels = np.array([classes.index(unique[key]) for key in kept], dtype=np.int64)
    return Pictures(np.stack([pictures[key] for key in kept]), labels, classes)


def _icon_files(theme: Path, side: int) -> list[tuple[str, Path]]:
    """Context and path of each icon; themes are laid out size/context or context/size."""
    by_size = sorted((theme / f"{side}x{side}").glob("*/*.png"))
    by_context = sorted(theme.glob(f"*/{side}/*.png"))
    files = [(file.parent.name, file) for file in by_size]
    files += [(file.parent.parent.name, file) for file in by_context]
    return [(context, file) for context, file in files if not file.is_symlink()]


def _on_white(file: Path) -> NDArray[np.float32]:
    with Image.open(file) as opened:
        icon = opened.convert("RGBA")
    white = Image.new("RGBA", icon.size, "white")
    white.alpha_composite(icon)
    return np.asarray(np.asarray(white.convert("RGB")) / 255, dtype=np.float32)
