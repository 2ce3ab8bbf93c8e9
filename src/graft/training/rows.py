"""A stage's rows, and the batches in which a phase reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graft.bank.feed import Reader
from graft.bank.source import Source
from graft.data.batches import Batches
from graft.device import precision
from graft.engines.in_pieces import InPieces
from graft.network import Network
from graft.objectives import Objective
from graft.training.layout import channels_last, suits_channels_last
from graft.training.loop import Scores
from graft.training.options import TrainingOptions
from graft.types import IntArray, Targets


@dataclass(frozen=True, slots=True)
class StageData:
    """The rows of one stage.

    Attributes:
        train: Row numbers to learn from.
        validation: Row numbers that early stopping looks at; may be empty.
        targets: Of every row of the data set: (N,) class indices, or (N, W) float32 for other
            tasks than one column of classes.
        groups: Of every row of the data set: (N,) numbers; rows with one number are held out
            together. None where every row stands alone.
    """

    train: IntArray
    validation: IntArray
    targets: Targets
    groups: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a stage as a phase reads them.

    Attributes:
        source: Where its inputs come from.
        data: Which rows, with their targets.
        options: Batch size, sampling, augmentation and seed.
        device: Where the batches go.
    """

    source: Source
    data: StageData
    options: TrainingOptions
    device: torch.device

    def training(self, augment: str | None = None) -> Batches:
        """Shuffled batches of the training rows, with the stage's augmentation or another one."""
        return self._batches(self.data.train, training=True, augment=augment)

    def held_out(self) -> Batches:
        """The validation rows in order."""
        return self._batches(self.data.validation, training=False, augment=None)

    def validation(self, network: Network, objective: Objective) -> Callable[[], Scores] | None:
        """What scores the network as it is; None without validation rows."""
        if not len(self.data.validation):
            return None
        batches, suffix = self.held_out(), InPieces(self.source.suffix)

        def validate() -> Scores:
            network.eval()
            with precision(self.device, self.options.precision):
                return objective.score(suffix, batches.epoch(0))

        return validate

    def _batches(self, rows: IntArray, *, training: bool, augment: str | None) -> Batches:
        source, options = self.source, self.options
        name = augment or options.augment if training and source.depth == 0 else "none"
        views = source.views if training and augment is None else ()
        size = options.batch_size if training else source.rows_at_once
        lengths = None if source.lengths is None else source.lengths[rows]
        transform = source.transform(name)
        if suits_channels_last(source.suffix):
            transform = channels_last(transform)
        return Batches(
            partial(_rows_of, source.reader, rows),
            self.data.targets[rows],
            size,
            shuffle=training,
            seed=options.seed,
            balanced=training and options.sampling == "balanced",
            views=[partial(_rows_of, reader, rows) for reader in views],
            transform=transform,
            device=self.device,
            lengths=lengths,
            tokens=_tokens(size, lengths) if options.by_tokens else None,
        )


def _tokens(rows: int, lengths: IntArray | None) -> int | None:
    """As many tokens as so many rows of mean length have."""
    if lengths is None or not len(lengths):
        return None
    return max(1, round(rows * float(lengths.mean())))


def _rows_of(reader: Reader, rows: IntArray, chosen: IntArray) -> Tensor:
    return reader(rows[chosen])
