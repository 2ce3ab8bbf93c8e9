"""The training loop. It sees batches for a model and cannot tell pixels from cached activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from graft.engines import OutOfMemory, memory_watched
from graft.errors import DivergenceError
from graft.memory import give_back
from graft.training.best import Best
from graft.training.optimizer import clip_gradients
from graft.training.pieces import Pieces
from graft.training.schedule import Schedule
from graft.types import Batch, Json

Scores = dict[str, float]


class EpochBatches(Protocol):
    """Batches that can be gone through once per epoch, in an order that the epoch decides."""

    def epoch(self, number: int, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from the one with the number `first` on."""


@dataclass(slots=True)
class Place:
    """How far a phase has come.

    Attributes:
        epoch: The epoch under way, from 1.
        step: Optimizer steps taken in it.
        loss: Sum over the rows of these steps of their loss.
        rows: How many rows count; those of steps that were undone do not.
        lr: The last group's rate when the epoch began.
    """

    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    rows: int = 0
    lr: float = 0.0

    def count(self, loss: float, rows: int) -> None:
        """Add a step."""
        self.loss += loss * rows
        self.rows += rows

    def forget(self) -> None:
        """Weights went back: the epoch's mean is of what comes now."""
        self.loss, self.rows = 0.0, 0

    def mean(self) -> float | None:
        """The epoch's mean loss; None where all of it was undone."""
        return self.loss / self.rows if self.rows else None

    def next_epoch(self) -> None:
        """Go on to the beginning of the next epoch."""
        self.epoch, self.step, self.loss, self.rows = self.epoch + 1, 0, 0.0, 0

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        return asdict(self)


class Guard(Protocol):
    """Looks at every step, and undoes what went wrong."""

    def after_step(self, loss: float, norm: Tensor) -> bool:
        """Whether weights went back; a DivergenceError where that is of no use any more."""

    def restore(self) -> None:
        """The last good weights."""

    def state(self) -> Json:
        """What a checkpoint keeps of it."""

    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""


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

    def state(self) -> Json:
        """Nothing that would have to be kept."""
        return {}

    def resume(self, state: Json) -> None:
        """Nothing was kept."""


class Switch(Protocol):
    """Puts network and optimizer into training or evaluation mode."""

    def train(self) -> None:
        """Before steps."""

    def begin_again(self) -> None:
        """After weights went back."""

    def evaluate(self) -> None:
        """Before validation and before weights are copied."""


def _go_on() -> None:
    """Nothing is done between steps."""


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
        place: How far the phase has come.
        pause: Called where a checkpoint can be taken: between steps, and between epochs.
        pieces: How many rows are computed at a time.
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
    place: Place = field(default_factory=Place)
    pause: Callable[[], None] = _go_on
    pieces: Pieces = field(default_factory=Pieces)

    def run_epoch(self) -> float | None:
        """The rest of an epoch; returns the mean loss, None where all was undone.

        Raises:
            DivergenceError: Training went wrong too often.
        """
        place = self.place
        if not place.step:
            place.lr = float(self.schedule.get_last_lr()[-1])
        self.modes.train()
        rest = self.batches.epoch(place.epoch, place.step * self.accumulate)
        for group in grouped(rest, self.accumulate):
            self.step_on(group)
            self.pause()
        self.modes.evaluate()
        return place.mean()

    def step_on(self, group: list[Batch]) -> None:
        """One optimizer step.

        Raises:
            DivergenceError: Training went wrong too often.
        """
        self.optimizer.zero_grad()
        loss = self.gradients(group).item()
        norm = clip_gradients(self.optimizer, self.clip)
        self.optimizer.step()
        self.schedule.step()
        self.place.step += 1
        if self.guard.after_step(loss, norm):
            self.place.forget()
            return
        if self.after_step:
            self.after_step()
        self.place.count(loss, sum(len(batch) for batch in group))

    def gradients(self, group: list[Batch]) -> Tensor:
        """Add the gradients of the mean loss over all rows of some batches; returns that mean.

        Where memory runs out, the batches are computed in smaller pieces from here on.

        Raises:
            ResourceError: Not even the smallest pieces fit.
        """
        while True:
            pieces = [piece for batch in group for piece in self.pieces.of(batch)]
            drawn = torch.get_rng_state()
            try:
                with memory_watched():
                    return self._mean_gradients(pieces)
            except OutOfMemory:
                self.optimizer.zero_grad()
                torch.set_rng_state(drawn)
            give_back()
            self.pieces.lower(max(map(len, pieces)))

    def _mean_gradients(self, pieces: list[Batch]) -> Tensor:
        if len(pieces) == 1:
            loss = self.step(pieces[0])
            loss.backward()
            return loss.detach()
        weights = [self.weigh(piece) for piece in pieces]
        parts = []
        for piece, weight in zip(pieces, weights, strict=True):
            loss = self.step(piece) * (weight / sum(weights))
            loss.backward()
            parts.append(loss.detach())
        return torch.stack(parts).sum()


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    rest = iter(batches)
    while group := list(islice(rest, size)):
        yield group


def run_epochs(
    loop: Loop,
    epochs: int,
    *,
    validate: Callable[[], Scores] | None,
    best: Best,
    patience: int,
    record: Callable[[Json], None],
) -> None:
    """Train until `epochs` epochs are over, then give the model its best weights.

    Stops early after `patience` epochs without a better validation loss. When training goes wrong
    for good, the best weights so far are kept; without any, the error goes on.

    Raises:
        DivergenceError: Training went wrong too often and no usable epoch came before it.
    """
    place = loop.place
    while place.epoch <= epochs:
        begun = perf_counter()
        try:
            loss = loop.run_epoch()
        except DivergenceError as problem:
            if best.weights is None:
                raise
            record({"epoch": place.epoch, "stopped": problem.found})
            break
        if loss is not None:
            scores = validate() if validate else {}
            best.offer(place.epoch, scores)
            held_out = {f"validation_{name}": value for name, value in scores.items()}
            row = {"epoch": place.epoch, "loss": loss, **held_out, "lr": place.lr}
            record({**row, "seconds": perf_counter() - begun})
            if place.epoch - best.epoch >= patience:
                break
        place.next_epoch()
        loop.pause()
    if validate is None and not best.finite():
        loop.guard.restore()  # the very last step broke them
    best.put_back()
