"""Pictures a second from JPEG files to pixels of 224 x 224, beside the usual ways.

    python -m benchmarks.decode [--pictures 400] [--width 640] [--height 480] [--folder PHOTOS]

One thread each, whole files in the page cache, resize to 256 by antialiased bicubic interpolation
and centre crop; rounds of all contenders take turns and the median counts, so that a busy machine
hits all alike. `decode alone` is the JPEG library's own speed, the limit. fastai's loader (its
defaults: PIL, then resize) runs where fastai is installed. Without --folder, photo-like pictures
are made: smooth colours with noise, about 60 kB each.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from PIL import Image

from benchmarks.few_shot import scratch_folder
from graft.data.decode import decode_all
from graft.data.pictures import FilePicture
from graft.types import PreprocessSpec

SPEC = PreprocessSpec((224, 224), 0.875, "center", "bicubic", (0.5,) * 3, (0.5,) * 3)
ROUNDS = 5
Contender = Callable[[Path], object]


def make_photos(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Files of smooth colours with noise."""
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = random.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = random.normal(0, 6, (height, width, 3))
        pixels = (np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{number:05}.jpg")
        Image.fromarray(pixels).save(paths[-1], "JPEG", quality=85)
    return paths


def graft_one(path: Path) -> object:
    """What graft does with a file, in the calling thread."""
    return next(iter(decode_all([FilePicture(path, path.name)], SPEC, workers=0))).pixels


def pillow_torchvision() -> Contender:
    """`ImageFolder`'s loader with torchvision's transforms, as most examples have it."""
    from torchvision import transforms

    resize = transforms.Compose(
        [
            transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.PILToTensor(),
        ]
    )

    def one(path: Path) -> object:
        with Image.open(path) as image:
            return resize(image.convert("RGB"))

    return one


def library_alone(path: Path) -> object:
    """The JPEG library's decoder and nothing else."""
    data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    return torch.ops.image.decode_jpeg(data, 3, False)


def fastai_loader() -> Contender:
    """fastai's picture block with its Resize(224)."""
    from fastai.vision.all import PILImage, Resize

    resize = Resize(224)
    return lambda path: np.asarray(resize(PILImage.create(path), split_idx=1))


def contenders() -> dict[str, Contender]:
    """What is compared, by name."""
    found = {
        "graft": graft_one,
        "PIL + torchvision": pillow_torchvision(),
        "decode alone": library_alone,
    }
    if importlib.util.find_spec("fastai"):
        found["fastai"] = fastai_loader()
    return found


def rates(paths: list[Path], ways: Mapping[str, Contender]) -> dict[str, float]:
    """Median pictures a second of each."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = perf_counter()
            for path in paths:
                way(path)
            seconds[name].append(perf_counter() - begun)
    return {name: len(paths) / median(taken) for name, taken in seconds.items()}


def main() -> None:
    """Print a table of pictures a second."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.folder:
        paths = sorted(given.folder.rglob("*.jp*g"))[: given.pictures]
    else:
        paths = make_photos(scratch_folder(), given.pictures, given.width, given.height)
    found = rates(paths, contenders())
    size = sum(path.stat().st_size for path in paths) / len(paths) / 1e3
    print(f"{len(paths)} pictures of {size:.0f} kB on average, one thread")
    for name, rate in found.items():
        share = f"{rate / found['PIL + torchvision']:.2f} x PIL + torchvision"
        print(f"{name:<18} {rate:7.0f} pictures/s   {1e3 / rate:5.2f} ms   {share}")


if __name__ == "__main__":
    main()
