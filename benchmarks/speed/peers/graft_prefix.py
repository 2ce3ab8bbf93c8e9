"""Pictures per second through graft's frozen prefix, files and bank included.

`graft.features` on two folders with an empty bank, after a third that only warms up: the
difference in pictures over the difference in seconds is what each further picture costs - reading,
decoding, resizing, prefix, storing - without start-up, model loading and engine preparation.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

import graft
from benchmarks.speed.peers.common import tell


def seconds(folder: Path, backbone: str, size: int) -> tuple[float, int]:
    """Seconds and rows of the features of a folder."""
    begun = time.perf_counter()
    rows = graft.features(folder, backbone=backbone, weights="random", size=size)
    return time.perf_counter() - begun, len(rows)


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--warm", type=Path, required=True)
    options.add_argument("--small", type=Path, required=True)
    options.add_argument("--large", type=Path, required=True)
    options.add_argument("--backbone", required=True)
    options.add_argument("--size", type=int, default=224)
    options.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    seconds(given.warm, given.backbone, given.size)
    few, small = seconds(given.small, given.backbone, given.size)
    many, large = seconds(given.large, given.backbone, given.size)
    tell(
        rate=round((large - small) / (many - few), 3),
        small=[small, round(few, 3)],
        large=[large, round(many, 3)],
        did="graft.features on two folders, difference",
    )


if __name__ == "__main__":
    main()
