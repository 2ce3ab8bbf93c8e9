"""The training loop. It sees batches for a model and cannot tell pixels from cached activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from graft.errors import DivergenceError
from graft.training.optimizer import clip_gradients
from graft.types import Batch, Json

Scores = dict[str, float]


class EpochBatches(Protocol):
    """Batches that can be gone through once per epoch, in an order that the epoch decides."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""


class Switch(Protocol):
    """Puts network and optimizer into training or evaluation mode."""

    def train(self) -> None:
        """Before steps."""

    def evaluate(self) -> None:
        """Before validation and before weights are copied."""


@dataclass(slots=True)
class Loop:
    """What a phase needs to run.

    Attributes:
        step: The loss of one batch.
        weigh: A batch's weight in the mean loss of several.
        batches: Training batches.
        optimizer: Over everything that trains.
        schedule: Stepped after every optimizer step.
        modes: Training and evaluation mode.
        clip: Largest norm of the gradient; 0 for any.
        accumulate: Batches whose gradients make one step.
        after_step: Called after every optimizer step, if there is anything to do.
    """

    step: Callable[[Batch], Tensor]
    weigh: Callable[[Batch], float]
    batches: EpochBatches
    optimizer: Optimizer
    schedule: LRScheduler
    modes: Switch
    clip: float
    accumulate: int = 1
    after_step: Callable[[], None] | None = None

    def run_epoch(self, number: int) -> float:
        """One pass over the batches; returns the mean loss.

        Raises:
            DivergenceError: The loss is no longer finite.
        """
        self.modes.train()
        total, rows = 0.0, 0
        for group in grouped(self.batches.epoch(number), self.accumulate):
            self.optimizer.zero_grad()
            loss = self.gradients(group).item()
            clip_gradients(self.optimizer, self.clip)
            self.optimizer.step()
            self.schedule.step()
            if self.after_step:
                self.after_step()
            size = sum(len(batch) for batch in group)
            total += loss * size
            rows += size
            if not math.isfinite(total):
                raise DivergenceError(
                    f"The loss became {loss} in epoch {number}",
                    allowed="a finite loss",
                    next="choose a smaller --lr",
                )
        self.modes.evaluate()
        return total / max(rows, 1)

    def gradients(self, group: list[Batch]) -> Tensor:
        """Add the gradients of the mean loss over all rows of some batches; returns that mean."""
        if len(group) == 1:
            loss = self.step(group[0])
            loss.backward()
            return loss.detach()
        weights = [self.weigh(batch) for batch in group]
        parts = []
        for batch, weight in zip(group, weights, strict=True):
            loss = self.step(batch) * (weight / sum(weights))
            loss.backward()
            parts.append(loss.detach())
        return torch.stack(parts).sum()


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    rest = iter(batches)
    while group := list(islice(rest, size)):
        yield group


@dataclass(slots=True)
class Best:
    """The best weights so far, judged by the validation loss; the last ones without validation."""

    take: Callable[[], Json]
    restore: Callable[[Json], None]
    loss: float = math.inf
    epoch: int = 0
    weights: Json | None = None

    def offer(self, epoch: int, loss: float | None) -> None:
        """Keep the present weights if they are finite and better than all before."""
        if loss is not None and not loss < self.loss:  # also where it is NaN
            return
        weights = self.take()
        if all(bool(tensor.isfinite().all()) for tensor in weights.values()):
            self.loss = math.inf if loss is None else loss
            self.epoch = epoch
            self.weights = weights

    def put_back(self) -> None:
        """Give the model its best weights.

        Raises:
            DivergenceError: No epoch ended with weights and a validation loss that are finite.
        """
        if self.weights is None:
            raise DivergenceError(
                "No epoch ended with finite weights and a finite validation loss",
                allowed="a finite loss",
                next="choose a smaller --lr",
            )
        self.restore(self.weights)


def run_epochs(
    loop: Loop,
    epochs: int,
    *,
    validate: Callable[[], Scores] | None,
    best: Best,
    patience: int,
    record: Callable[[Json], None],
) -> None:
    """Train for at most `epochs` epochs, then give the model its best weights.

    Stops early after `patience` epochs without a better validation loss. When the loss stops being
    finite, the best weights so far are kept; without any, the error goes on.

    Raises:
        DivergenceError: The loss is no longer finite and no usable epoch came before it.
    """
    for epoch in range(1, epochs + 1):
        begun = perf_counter()
        lr = loop.schedule.get_last_lr()[-1]
        try:
            loss = loop.run_epoch(epoch)
        except DivergenceError as problem:
            if best.weights is None:
                raise
            record({"epoch": epoch, "stopped": problem.found})
            break
        scores = validate() if validate else {}
        best.offer(epoch, scores.get("loss"))
        held_out = {f"validation_{name}": value for name, value in scores.items()}
        seconds = perf_counter() - begun
        record({"epoch": epoch, "loss": loss, **held_out, "lr": lr, "seconds": seconds})
        if epoch - best.epoch >= patience:
            break
    best.put_back()
