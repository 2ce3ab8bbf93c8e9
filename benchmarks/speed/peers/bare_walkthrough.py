"""The walkthrough with nothing around it: one engine's prefix over memory, then bare head steps.

What counts is `bare`: the seconds of the prefix and of the ten epochs, without start, import,
conversion or reading.
"""

from __future__ import annotations

import time

import numpy as np
import timm
import torch
from torch import Tensor, nn

from benchmarks.speed.peers.common import (
    Array,
    normalised,
    parser,
    read_cifar,
    shuffled_split,
    tell,
)
from benchmarks.speed.peers.engines import ENGINES, Engine, build_engine

BATCH = 64


def features(engine: Engine, pictures: Array) -> Tensor:
    """(N, 2048) outputs in batches of 64, the last one padded."""
    found = np.empty((len(pictures), 2048), np.float32)
    for start in range(0, len(pictures), BATCH):
        batch = normalised(pictures[start : start + BATCH])
        padded = np.concatenate([batch, np.zeros((BATCH - len(batch), *batch.shape[1:]), "f")])
        found[start : start + len(batch)] = engine(padded)[: len(batch)]
    return torch.from_numpy(found)


def train(head: nn.Module, x: Tensor, y: Tensor, held: tuple[Tensor, Tensor], epochs: int) -> None:
    """Bare steps: index, forward, backward, fused Adam."""
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, fused=True)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for rows in order.split(BATCH):
            optimizer.zero_grad()
            loss_of(head(x[rows]), y[rows]).backward()
            optimizer.step()
        score(head, *held)


def score(head: nn.Module, x: Tensor, y: Tensor) -> float:
    """Accuracy."""
    with torch.inference_mode():
        return float((head(x).argmax(dim=1) == y).float().mean())


def main() -> None:
    """Measure, print."""
    options = parser(__doc__)
    options.add_argument("--engine", choices=sorted(ENGINES), required=True)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    data = read_cifar(given.data)
    model = timm.create_model("resnet50", num_classes=0, checkpoint_path=str(given.weights))
    engine = build_engine(
        given.engine, model.eval(), normalised(data.pictures[:BATCH]), given.threads
    )
    targets = torch.from_numpy(data.targets)
    chosen, held_out = (torch.from_numpy(rows) for rows in shuffled_split(len(targets)))
    begun = time.perf_counter()
    x = features(engine, data.pictures)
    x_test = features(engine, data.test_pictures)
    after_prefix = time.perf_counter()
    head = nn.Sequential(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 10))
    train(head, x[chosen], targets[chosen], (x[held_out], targets[held_out]), given.epochs)
    accuracy = score(head, x_test, torch.from_numpy(data.test_targets))
    over = time.perf_counter()
    tell(
        accuracy=accuracy,
        bare=round(over - begun, 3),
        prefix=round(after_prefix - begun, 3),
        did=f"{given.engine} once over memory, then bare head steps",
    )


if __name__ == "__main__":
    main()
