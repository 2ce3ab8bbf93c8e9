"""Small data sets on disk that several tests read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakePicture = Callable[[Path, int], Path]
MakeFolder = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def make_picture() -> MakePicture:
    def make(path: Path, seed: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture
def make_folder(tmp_path: Path, make_picture: MakePicture) -> MakeFolder:
    """Folder name to number of pictures in it, all pictures different."""

    def make(counts: Mapping[str, int]) -> Path:
        root = tmp_path / "photos"
        root.mkdir(exist_ok=True)
        for seed, (name, count) in enumerate(counts.items()):
            (root / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                make_picture(root / name / f"{number}.png", 1000 * seed + number)
        return root

    return make
