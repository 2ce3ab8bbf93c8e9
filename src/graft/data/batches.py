"""Epochs of batches, the same for the same seed and epoch number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from graft.types import Batch, IntArray

RowReader = Callable[[IntArray], Tensor]
Transform = Callable[[Tensor, torch.Generator], Tensor]


class Batches:
    """Reads rows in batches; one epoch is one pass over all of them.

    Order and transform depend on seed and epoch number alone, so an epoch can be repeated, or
    taken up again after a break, without the ones before it.

    Args:
        inputs: Row numbers (B,) to inputs (B, ...): pixels or cached activations.
        targets: (N,) class numbers of the rows 0 to N - 1.
        batch_size: Rows per batch. The last one is smaller; in shuffled epochs a single row
            left over joins the batch before it, since BatchNorm cannot train on one row.
        shuffle: Whether each epoch has an order of its own.
        seed: Same seed and epoch number, same bytes.
        transform: Applied to each batch of inputs, on `device`.
        device: Where the batches go.
    """

    def __init__(
        self,
        inputs: RowReader,
        targets: IntArray,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        transform: Transform | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size should be at least 1. Found {batch_size}.")
        self._inputs = inputs
        self._targets = targets
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._transform = transform
        self._device = torch.device(device)

    @property
    def rows(self) -> int:
        """Rows per epoch."""
        return len(self._targets)

    def __len__(self) -> int:
        return len(self._starts())

    def epoch(self, number: int) -> Iterator[Batch]:
        """One pass over all rows.

        Args:
            number: The epoch's number, counted from 0.
        """
        order = self._order(number)
        starts = self._starts()
        for index, (start, end) in enumerate(zip(starts, [*starts[1:], self.rows], strict=True)):
            yield self._batch(order[start:end], number, index)

    def _starts(self) -> list[int]:
        starts = list(range(0, self.rows, self._batch_size))
        if self._shuffle and len(starts) > 1 and self.rows - starts[-1] == 1:
            starts.pop()
        return starts

    def _order(self, epoch: int) -> IntArray:
        if not self._shuffle:
            return np.arange(self.rows, dtype=np.int64)
        return np.random.default_rng([self._seed, epoch]).permutation(self.rows).astype(np.int64)

    def _batch(self, rows: IntArray, epoch: int, index: int) -> Batch:
        inputs = self._inputs(rows).to(self._device)
        if self._transform is not None:
            seed = np.random.SeedSequence([self._seed, epoch, index]).generate_state(1, np.uint64)
            inputs = self._transform(inputs, torch.Generator().manual_seed(int(seed[0] >> 1)))
        return Batch(inputs, torch.from_numpy(self._targets[rows]).to(self._device))
