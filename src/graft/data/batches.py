"""Epochs of batches, the same for the same seed and epoch number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from graft.data.token_batches import by_tokens, token_ends
from graft.errors import DataError
from graft.types import Batch, IntArray, Targets

RowReader = Callable[[IntArray], Tensor]
Transform = Callable[[Tensor, torch.Generator], Tensor]

# Rows are sorted by length within stretches of this many batches: enough to pad little, few enough
# for batches to differ from epoch to epoch.
SORTED_BATCHES = 50


class Batches:
    """Reads rows in batches; one epoch is one pass over all of them.

    Order and transform depend on seed and epoch number alone, so an epoch can be repeated, or
    taken up again after a break, without the ones before it.

    Args:
        inputs: Row numbers (B,) to inputs (B, ...): pixels or cached activations.
        targets: (N, ...) targets of the rows 0 to N - 1.
        batch_size: Rows per batch. The last one is smaller; in shuffled epochs a single row
            left over joins the batch before it, since BatchNorm cannot train on one row.
        shuffle: Whether each epoch has an order of its own.
        seed: Same seed and epoch number, same bytes.
        balanced: Whether a shuffled epoch takes every class equally often, rows of large classes
            by turns and rows of small ones several times (Kang et al. 2020, section 4.1).
        views: Readers of other pictures of the same rows. Each row shows one more of them, or its
            first one, in every epoch, from a start of its own.
        transform: Applied to each batch of inputs, on `device`.
        device: Where the batches go.
        lengths: (N,) length of each row, or None. Rows of about one length then come in one batch,
            so that little is padded; the batches come in an order of their own.
        tokens: Where rows have lengths: a batch has as many as fit into so many tokens, padding
            included, instead of `batch_size`.
    """

    def __init__(
        self,
        inputs: RowReader,
        targets: Targets,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        balanced: bool = False,
        views: Sequence[RowReader] = (),
        transform: Transform | None = None,
        device: torch.device | str = "cpu",
        lengths: IntArray | None = None,
        tokens: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size should be at least 1. Found {batch_size}.")
        self._views = (inputs, *views)
        self._targets = targets
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._classes = _rows_by_class(targets) if balanced else []
        starts = np.random.default_rng([seed, len(self._views)])
        self._first_view = starts.integers(len(self._views), size=len(targets))
        self._transform = transform
        self._device = torch.device(device)
        self._lengths = lengths
        self._ends = token_ends(lengths, tokens) if tokens and lengths is not None else None

    @property
    def rows(self) -> int:
        """Rows per epoch."""
        return len(self._targets)

    def __len__(self) -> int:
        return len(self._starts()) if self._ends is None else len(self._ends)

    def epoch(self, number: int, first: int = 0) -> Iterator[Batch]:
        """One pass over all rows, or the rest of one.

        Args:
            number: The epoch's number, counted from 0.
            first: The first batch's number, counted from 0; those before it are not even read.
        """
        pieces = self._pieces(number)
        for index in range(first, len(pieces)):
            yield self._batch(pieces[index], number, index)

    def _pieces(self, epoch: int) -> list[IntArray]:
        """The rows of each batch."""
        if self._ends is not None and self._lengths is not None:
            random = np.random.default_rng([self._seed, epoch]) if self._shuffle else None
            return by_tokens(self._lengths, self._ends, random)
        order, starts = self._order(epoch), self._starts()
        return [order[a:b] for a, b in zip(starts, [*starts[1:], self.rows], strict=True)]

    def _starts(self) -> list[int]:
        starts = list(range(0, self.rows, self._batch_size))
        if self._shuffle and len(starts) > 1 and self.rows - starts[-1] == 1:
            starts.pop()
        return starts

    def _order(self, epoch: int) -> IntArray:
        if not self._shuffle:
            if self._lengths is None:
                return np.arange(self.rows, dtype=np.int64)
            return np.argsort(self._lengths, kind="stable").astype(np.int64)
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(self.rows).astype(np.int64)
        if self._classes:
            order = self._balanced_order(random, epoch)
        if self._lengths is None:
            return order
        return by_length(order, self._lengths, self._starts(), random)

    def _balanced_order(self, random: np.random.Generator, epoch: int) -> IntArray:
        """As many rows as there are, an equal number of each class."""
        turns = np.arange(self.rows) + epoch * self.rows
        quotas = np.bincount(turns % len(self._classes), minlength=len(self._classes))
        chosen = [
            np.tile(random.permutation(rows), -(-quota // len(rows)))[:quota]
            for rows, quota in zip(self._classes, quotas, strict=True)
        ]
        return random.permutation(np.concatenate(chosen)).astype(np.int64)

    def _read(self, rows: IntArray, epoch: int) -> Tensor:
        if len(self._views) == 1:
            return self._views[0](rows)
        shown = (self._first_view[rows] + epoch) % len(self._views)
        present = np.unique(shown)
        pieces = torch.cat([self._views[view](rows[shown == view]) for view in present])
        places = np.concatenate([np.flatnonzero(shown == view) for view in present])
        return pieces[torch.from_numpy(np.argsort(places))]

    def _batch(self, rows: IntArray, epoch: int, index: int) -> Batch:
        inputs = self._read(rows, epoch).to(self._device)
        if self._transform is not None:
            seed = np.random.SeedSequence([self._seed, epoch, index]).generate_state(1, np.uint64)
            inputs = self._transform(inputs, torch.Generator().manual_seed(int(seed[0] >> 1)))
        return Batch(inputs, torch.from_numpy(self._targets[rows]).to(self._device))


def by_length(
    order: IntArray, lengths: IntArray, starts: list[int], random: np.random.Generator
) -> IntArray:
    """Sort stretches of a random order by length, then shuffle the batches that come of it.

    A batch has rows of about one length, yet other neighbours in every epoch. The last batch,
    which may be of another size, stays the last.

    Args:
        order: (N,) row numbers in random order.
        lengths: (N,) by row number.
        starts: Where each batch begins.
        random: Shuffles the batches.

    >>> random = np.random.default_rng(0)
    >>> order = by_length(np.arange(6), np.array([9, 1, 9, 1, 5, 5]), [0, 2, 4], random)
    >>> sorted(order.tolist()), [sorted(order[at : at + 2].tolist()) for at in (0, 2, 4)][-1]
    ([0, 1, 2, 3, 4, 5], [0, 2])
    """
    if len(starts) < 2:
        return order
    size = starts[1] - starts[0]
    stretch = size * SORTED_BATCHES
    pieces = [order[at : at + stretch] for at in range(0, len(order), stretch)]
    near = np.concatenate([piece[np.argsort(lengths[piece], kind="stable")] for piece in pieces])
    batches = [near[a:b] for a, b in zip(starts, [*starts[1:], len(near)], strict=True)]
    shuffled = [batches[number] for number in random.permutation(len(batches) - 1)]
    return np.concatenate([*shuffled, batches[-1]])


def _rows_by_class(targets: IntArray) -> list[IntArray]:
    if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            "Balanced sampling was asked for, and the labels are not one class per row",
            allowed="one column of classes",
            next="use --sampling shuffled",
        )
    return [np.flatnonzero(targets == target).astype(np.int64) for target in np.unique(targets)]
