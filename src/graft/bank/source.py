"""The two halves of a network at one depth: a reader of the prefix's outputs, and the suffix."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from graft.bank.bucketed import AnyFeed, BucketedFeed
from graft.bank.feed import Reader
from graft.bank.inputs import Inputs, Transform
from graft.bank.key import View
from graft.network import CannotSplit, Network, feature_halves
from graft.types import IntArray

# Cached and uncached logits may differ by the order of float32 sums, not by more.
# Stored in half precision, by the rounding of the stored values as well.
TOLERANCE = {"float32": 1e-3, "float16": 5e-3}
CHECKED_ROWS = 8
EVALUATION_ROWS, EVALUATION_TEXTS = 256, 32


@dataclass(frozen=True, slots=True)
class Source:
    """Where a phase's inputs come from.

    Attributes:
        depth: How many blocks the stored values have behind them; 0 means pixels or tokens.
        reader: Row numbers to stored values.
        suffix: What turns stored (and, at depth 0, prepared) values into logits.
        inputs: How rows are still to be prepared at depth 0.
        lengths: (N,) length of each row, where rows have different ones.
        views: Readers of further, augmented pictures of the training rows; only training has them.
    """

    depth: int
    reader: Reader
    suffix: nn.Module
    inputs: Inputs
    lengths: IntArray | None = None
    views: tuple[Reader, ...] = ()

    def transform(self, augment: str) -> Transform | None:
        """What is done to a batch after reading: nothing to activations; what depth 0 reads is
        augmented and prepared."""
        return None if self.depth > 0 else self.inputs.transform(augment)

    @property
    def rows_at_once(self) -> int:
        """Rows of a batch where nothing is learnt: of texts fewer, as each is as long as many."""
        return EVALUATION_ROWS if self.lengths is None else EVALUATION_TEXTS

    def read(self, rows: IntArray) -> Tensor:
        """(N, ...) the suffix's inputs for these rows, on the CPU."""
        values = self.reader(rows)
        return self.inputs.prepare(values) if self.depth == 0 else values

    def read_views(self, rows: IntArray) -> Tensor:
        """(K * N, ...) the suffix's inputs for every view of these rows, the plain ones first."""
        return torch.cat([self.read(rows), *(reader(rows) for reader in self.views)])


@dataclass(frozen=True, slots=True)
class Views:
    """How many pictures stand for each training row where its inputs are stored.

    Attributes:
        count: The plain picture and `count - 1` augmented ones.
        augment: Name of the augmentation that draws them.
        rows: The training rows.
    """

    count: int
    augment: str
    rows: IntArray

    def open(self, feed: AnyFeed, depth: int, prefix: nn.Module) -> tuple[Reader, ...]:
        """A reader for each of the augmented pictures; texts have none."""
        if isinstance(feed, BucketedFeed):
            return ()
        numbers = range(1, self.count) if self.augment != "none" else ()
        views = [View(number, self.augment) for number in numbers]
        return feed.views(depth, prefix, views, self.rows)


def open_source(
    network: Network, depth: int, feed: AnyFeed, warnings: list[str], views: Views | None = None
) -> Source:
    """Split the network and check on real rows that cached equals uncached.

    Where the network cannot be split at this depth, everything runs from depth 0 and a sentence is
    added to `warnings`.
    """
    if depth == 0:
        return _from_inputs(network, feed)
    try:
        split = network.split(depth)
        reader = feed.activations(depth, split.prefix)
        _check(network, reader, split.suffix, feed)
        more = views.open(feed, depth, split.prefix) if views else ()
    except CannotSplit as problem:
        warnings.append(
            f"The frozen blocks are recomputed in every epoch: {network.backbone.name} cannot be "
            f"split after block {depth} ({problem})."
        )
        return _from_inputs(network, feed)
    return Source(depth, reader, split.suffix, feed.inputs, feed.lengths(), more)


def pooled_features(network: Network, depths: Sequence[int], feed: AnyFeed) -> Reader:
    """A reader of the pooled features of all blocks, as they are now.

    Args:
        network: Whose backbone.
        depths: At which others this run reads stored outputs. Features are computed from the
            deepest of these, unless their rounding would be seen in them.
        feed: Readers of the rows.
    """
    backbone, blocks = network.backbone, len(network.backbone.blocks)
    depth = max((depth for depth in depths if depth < blocks), default=0)
    if depth > 0 and feed.use.storage == "float32":
        with suppress(CannotSplit):  # then every epoch computes all blocks, and a warning says so
            return feed.through(depth, feature_halves(backbone, depth))
    return feed.activations(blocks, backbone)


def _from_inputs(network: Network, feed: AnyFeed) -> Source:
    return Source(0, feed.raw, network, feed.inputs, feed.lengths())


def _check(network: Network, reader: Reader, suffix: nn.Module, feed: AnyFeed) -> None:
    rows = np.arange(min(CHECKED_ROWS, len(feed)), dtype=np.int64)
    network.eval()
    with torch.inference_mode():
        uncached = network(feed.inputs.prepare(feed.raw(rows)).to(feed.device))
        cached = suffix(reader(rows).to(feed.device))
    scale = max(1.0, float(uncached.abs().max()))
    difference = float((cached - uncached).abs().max()) / scale
    if not difference <= max(TOLERANCE[feed.use.storage], feed.tolerance):
        raise CannotSplit(f"cached and uncached outputs differ by {difference:.1e}")
