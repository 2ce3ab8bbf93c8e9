"""Pictures per second through graft's frozen prefix, files and bank included.

The features of a folder with an empty bank, after another folder that only warms up: pictures over
the seconds of reading, decoding and resizing them and of running and storing the prefix. Start-up,
loading the model and preparing an engine are left out, as they are for the bare engines.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

from benchmarks.speed.peers.common import tell
from graft.features import feature_table
from graft.progress import Silent

WORK = ("decode", "frozen blocks")


class Stopwatch(Silent):
    """Notes how long each piece of work takes; a listener to graft's progress."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = 0.0

    def start(self, task: str, total: int) -> None:  # noqa: ARG002 - the listener's signature
        """The work begins; none is done inside another."""
        self._begun = time.perf_counter()

    def finish(self, task: str) -> None:
        """The work is over."""
        spent = time.perf_counter() - self._begun
        self.seconds[task] = self.seconds.get(task, 0.0) + spent


def measured(folder: Path, backbone: str, size: int) -> tuple[dict[str, float], int]:
    """Seconds of each piece of work, and rows."""
    watch = Stopwatch()
    columns: dict[str, str | None] = {"input": None, "label": None}
    table = feature_table(
        folder,
        backbone=backbone,
        weights="random",
        size=size,
        columns=columns,
        device="cpu",
        progress=watch,
    )
    return watch.seconds, len(table.inputs)


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--warm", type=Path, required=True)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--backbone", required=True)
    options.add_argument("--size", type=int, default=224)
    options.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    measured(given.warm, given.backbone, given.size)
    seconds, rows = measured(given.folder, given.backbone, given.size)
    decode, blocks = (seconds[task] for task in WORK)
    tell(
        rate=round(rows / (decode + blocks), 3),
        decode_seconds=round(decode, 3),
        prefix_seconds=round(blocks, 3),
        did=f"{rows} pictures: {decode:.1f} s decoding, {blocks:.1f} s frozen blocks",
    )


if __name__ == "__main__":
    main()
