"""Pictures per second of one engine on one architecture; batches already in memory."""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import timm
import torch

from benchmarks.speed.peers.common import tell
from benchmarks.speed.peers.engines import ENGINES, build_engine


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--backbone", required=True)
    options.add_argument("--engine", choices=sorted(ENGINES), required=True)
    options.add_argument("--size", type=int, default=224)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--images", type=int, default=256)
    options.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    model = timm.create_model(given.backbone, num_classes=0).eval()
    shape = (given.batch, 3, given.size, given.size)
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    engine = build_engine(given.engine, model, batch, given.threads)
    engine(batch)
    steps = max(1, round(given.images / given.batch))
    begun = time.perf_counter()
    for _ in range(steps):
        engine(batch)
    seconds = time.perf_counter() - begun
    tell(rate=round(steps * given.batch / seconds, 3), did=f"{given.engine}, batch {given.batch}")


if __name__ == "__main__":
    main()
