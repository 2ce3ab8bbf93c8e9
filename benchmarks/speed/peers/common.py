"""What the peers' scripts share: options, the generated data, and the one line they print."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_ROW = 1 + 3 * 32 * 32

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Cifar:
    """Pictures (N, 32, 32, 3) uint8 and targets (N,) int64 of both parts."""

    pictures: Array
    targets: Array
    test_pictures: Array
    test_targets: Array


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every peer takes."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    made.add_argument("--data", type=Path, required=True)
    made.add_argument("--weights", type=Path, required=True)
    made.add_argument("--epochs", type=int, default=10)
    made.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    made.add_argument("--bfloat16", action="store_true", help="PyTorch loops: under autocast")
    return made


def process_seconds() -> float:
    """Seconds since this process was started, the interpreter's own start included."""
    # Fields of /proc/self/stat after the bracketed name; the 22nd of all is the start in ticks.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def tell(**facts: Any) -> None:
    """Print the result: one JSON line with the seconds since the process was started."""
    print(json.dumps({"seconds": round(process_seconds(), 3), **facts}), flush=True)


def read_cifar(folder: Path) -> Cifar:
    """The set in CIFAR-10's binary layout."""
    pictures, targets = _read(sorted(folder.glob("data_batch_*.bin")))
    test_pictures, test_targets = _read([folder / "test_batch.bin"])
    return Cifar(pictures, targets, test_pictures, test_targets)


def normalised(pictures: Array) -> Array:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32, ImageNet's mean and deviation."""
    scaled = pictures.astype(np.float32) / 255
    scaled -= np.array(IMAGENET_MEAN, np.float32)
    scaled /= np.array(IMAGENET_STD, np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def shuffled_split(rows: int, share: float = 0.2) -> tuple[Array, Array]:
    """Row numbers for training and for validation."""
    order = np.random.default_rng(0).permutation(rows)
    held_out = round(rows * share)
    return order[held_out:], order[:held_out]


def _read(paths: list[Path]) -> tuple[Array, Array]:
    rows = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, _ROW) for path in paths])
    planes = rows[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).copy(), rows[:, 0].astype(np.int64)
