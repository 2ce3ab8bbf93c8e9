"""Generated inputs, kept between runs: the same arguments give the same bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.environments import interpreter
from benchmarks.speed.peers.common import normalised, read_cifar
from benchmarks.speed.photos import write_photos
from graft.data.synthetic import CLASSES, synthetic_pictures, write_cifar

_CHUNK = 10_000


def cifar(root: Path, rows: int, tests: int) -> Path:
    """A set in CIFAR-10's binary layout."""
    return _kept(root / f"cifar-{rows}-{tests}", lambda folder: _write_cifar(folder, rows, tests))


def photos(root: Path, train: int, validation: int, tests: int) -> Path:
    """Photo-like JPEGs in train/, val/ and test/ with a folder per class."""

    def write(folder: Path) -> None:
        for seed, (part, count) in enumerate(
            {"train": train, "val": validation, "test": tests}.items()
        ):
            write_photos(folder / part, count, seed=seed)

    return _kept(root / f"photos-{train}-{validation}-{tests}", write)


def photo_folder(root: Path, count: int, seed: int) -> Path:
    """Photo-like JPEGs in class folders; other seeds give other pictures."""
    return _kept(
        root / f"folder-{count}-{seed}", lambda folder: write_photos(folder, count, seed=seed)
    )


def resnet50_weights(root: Path, folder: Path, size: int) -> Path:
    """Random ResNet50 weights whose BatchNorm statistics fit the pictures of a prepared set."""
    path = root / f"resnet50-{folder.name}-{size}.safetensors"
    if not path.exists():
        _write_resnet50(path, _sample(folder, size))
    return path


def keras_weights(root: Path, folder: Path) -> Path:
    """The same for Keras' own ResNet50, which has other strides and so needs its own weights."""
    path = root / f"keras-{folder.name}.weights.h5"
    if not path.exists():
        script = "benchmarks.speed.peers.keras_walkthrough"
        options = ["--data", str(folder), "--weights", str(path), "--make-weights"]
        subprocess.run([str(interpreter("keras")), "-m", script, *options], check=True)
    return path


def _kept(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, written under another name first so that a half-written one is never used."""
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial)
        partial.rename(folder)
    return folder


def _write_cifar(folder: Path, rows: int, tests: int) -> None:
    # In pieces: the generator works in float64.
    sizes = [min(_CHUNK, rows - start) for start in range(0, rows, _CHUNK)]
    parts = [synthetic_pictures(size, seed=number) for number, size in enumerate(sizes)]
    test_pictures, test_targets = synthetic_pictures(tests, seed=1_000_003)
    write_cifar(
        folder,
        np.concatenate([pictures for pictures, _ in parts]),
        np.concatenate([targets for _, targets in parts]),
        CLASSES,
        test_pictures=test_pictures,
        test_targets=test_targets,
    )


def _sample(folder: Path, size: int) -> Tensor:
    """A batch of the set's training pictures, normalised."""
    if (folder / "test_batch.bin").exists():
        return torch.from_numpy(normalised(read_cifar(folder).pictures[:256]))
    from PIL import Image

    paths = sorted((folder / "train").rglob("*.jpg"))
    chosen = paths[:: max(1, len(paths) // 32)][:32]
    pictures = [Image.open(path).resize((size, size)) for path in chosen]
    return torch.from_numpy(normalised(np.stack([np.asarray(picture) for picture in pictures])))


def _write_resnet50(path: Path, sample: Tensor) -> None:
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(0)
    # Residual branches that start at zero would leave most of the network without effect.
    model = timm.create_model("resnet50", num_classes=0, zero_init_last=False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(sample)
    save_file(model.state_dict(), path)
