"""The training loop. It sees batches for a model and cannot tell pixels from cached activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from graft.errors import DivergenceError
from graft.training.optimizer import clip_gradients
from graft.training.schedule import Schedule
from graft.types import Batch, Json

Scores = dict[str, float]


class EpochBatches(Protocol):
    """Batches that can be gone through once per epoch, in an order that the epoch decides."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""


class Guard(Protocol):
    """Looks at every step, and undoes what went wrong."""

    def after_step(self, loss: float, norm: Tensor) -> bool:
        """Whether weights went back; a DivergenceError where that is of no use any more."""

    def restore(self) -> None:
        """The last good weights."""


class Unguarded:
    """Lets everything pass but a loss that is not finite."""

    def after_step(self, loss: float, norm: Tensor) -> bool:  # noqa: ARG002
        """Never goes back.

        Raises:
            DivergenceError: The loss is no longer finite.
        """
        if not math.isfinite(loss):
            raise DivergenceError(
                f"The loss became {loss}", allowed="a finite loss", next="choose a smaller --lr"
            )
        return False

    def restore(self) -> None:
        """Nothing was kept."""


class Switch(Protocol):
    """Puts network and optimizer into training or evaluation mode."""

    def train(self) -> None:
        """Before steps."""

    def begin_again(self) -> None:
        """After weights went back."""

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
        guard: Told about every step.
    """

    step: Callable[[Batch], Tensor]
    weigh: Callable[[Batch], float]
    batches: EpochBatches
    optimizer: Optimizer
    schedule: Schedule
    modes: Switch
    clip: float
    accumulate: int = 1
    after_step: Callable[[], None] | None = None
    guard: Guard = field(default_factory=Unguarded)

    def run_epoch(self, number: int) -> float | None:
        """One pass over the batches; returns the mean loss, None where all was undone.

        Raises:
            DivergenceError: Training went wrong too often.
        """
        self.modes.train()
        total, rows = 0.0, 0
        for group in grouped(self.batches.epoch(number), self.accumulate):
            self.optimizer.zero_grad()
            loss = self.gradients(group).item()
            norm = clip_gradients(self.optimizer, self.clip)
            self.optimizer.step()
            self.schedule.step()
            if self.guard.after_step(loss, norm):
                total, rows = 0.0, 0  # the epoch's mean is of what counts
                continue
            if self.after_step:
                self.after_step()
            size = sum(len(batch) for batch in group)
            total += loss * size
            rows += size
        self.modes.evaluate()
        return total / rows if rows else None

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
    """The best weights so far, judged by the validation loss.

    Without validation nothing is compared and nothing copied: the last weights stay.
    """

    take: Callable[[], Json]
    restore: Callable[[Json], None]
    finite: Callable[[], bool]
    loss: float = math.inf
    epoch: int = 0
    weights: Json | None = None

    def offer(self, epoch: int, loss: float | None) -> None:
        """Keep the present weights if they are finite and better than all before."""
        if loss is not None and not loss < self.loss:  # also where it is NaN
            return
        if self.finite():
            self.epoch = epoch
            if loss is not None:
                self.loss, self.weights = loss, self.take()

    def put_back(self) -> None:
        """Give the model its best weights.

        Raises:
            DivergenceError: No epoch ended with weights and a validation loss that are finite.
        """
        if self.weights is not None:
            self.restore(self.weights)
        elif not (self.epoch and self.finite()):
            raise DivergenceError(
                "No epoch ended with finite weights and a finite validation loss",
                allowed="a finite loss",
                next="choose a smaller --lr",
            )


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

    Stops early after `patience` epochs without a better validation loss. When training goes wrong
    for good, the best weights so far are kept; without any, the error goes on.

    Raises:
        DivergenceError: Training went wrong too often and no usable epoch came before it.
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
        if loss is None:
            continue
        scores = validate() if validate else {}
        best.offer(epoch, scores.get("loss"))
        held_out = {f"validation_{name}": value for name, value in scores.items()}
        seconds = perf_counter() - begun
        record({"epoch": epoch, "loss": loss, **held_out, "lr": lr, "seconds": seconds})
        if epoch - best.epoch >= patience:
            break
    if validate is None and not best.finite():
        loop.guard.restore()  # the very last step broke them
    best.put_back()
