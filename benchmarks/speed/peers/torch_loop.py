"""Parts of a plain PyTorch loop, shared by the plain scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

Batches = Iterable[tuple[Tensor, Tensor]]


def fit(
    model: nn.Module,
    train: Batches,
    validation: Batches,
    *,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    training_mode: Callable[[], object],
    bfloat16: bool = False,
) -> list[float]:
    """Train with cross-entropy, validate after each epoch; returns the seconds of each epoch."""
    loss_of = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(epochs):
        begun = time.perf_counter()
        training_mode()
        for pictures, targets in train:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                loss = loss_of(model(pictures), targets)
            loss.backward()
            optimizer.step()
        accuracy(model, validation, bfloat16=bfloat16)
        seconds.append(round(time.perf_counter() - begun, 3))
    return seconds


def accuracy(model: nn.Module, batches: Batches, *, bfloat16: bool = False) -> float:
    """Share of the rows that are classified rightly."""
    model.eval()
    right = rows = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        for pictures, targets in batches:
            right += int((model(pictures).argmax(dim=1) == targets).sum())
            rows += len(targets)
    return right / rows
