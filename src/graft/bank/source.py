"""The two halves of a network at one depth: a reader of the prefix's outputs, and the suffix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from graft.bank.feed import Feed, Reader
from graft.data import normalise
from graft.network import CannotSplit, Network
from graft.types import IntArray, PreprocessSpec

Transform = Callable[[Tensor, Generator], Tensor]

# Cached and uncached logits may differ by the order of float32 sums, not by more.
TOLERANCE = 1e-3
CHECKED_ROWS = 8


@dataclass(frozen=True, slots=True)
class Source:
    """Where a phase's inputs come from.

    Attributes:
        depth: How many blocks the stored values have behind them; 0 means pixels.
        reader: Row numbers to stored values.
        suffix: What turns stored (and, at depth 0, normalised) values into logits.
        spec: The preprocessing, of which normalisation is still to be done at depth 0.
    """

    depth: int
    reader: Reader
    suffix: nn.Module
    spec: PreprocessSpec

    def transform(self, augment: Transform | None) -> Transform | None:
        """What is done to a batch after reading: nothing to activations; pixels are augmented
        and normalised."""
        if self.depth > 0:
            return None

        def pixels_to_inputs(pixels: Tensor, generator: Generator) -> Tensor:
            changed = augment(pixels, generator) if augment else pixels
            return normalise(changed, self.spec)

        return pixels_to_inputs

    def read(self, rows: IntArray) -> Tensor:
        """(N, ...) the suffix's inputs for these rows, on the CPU."""
        values = self.reader(rows)
        return normalise(values, self.spec) if self.depth == 0 else values


def open_source(network: Network, depth: int, feed: Feed, warnings: list[str]) -> Source:
    """Split the network and check on real rows that cached equals uncached.

    Where the network cannot be split at this depth, everything runs from pixels and a sentence is
    added to `warnings`.
    """
    if depth == 0:
        return _from_pixels(network, feed)
    try:
        split = network.split(depth)
        reader = feed.activations(depth, split.prefix)
        _check(network, reader, split.suffix, feed)
    except CannotSplit as problem:
        warnings.append(
            f"The frozen blocks are recomputed in every epoch: {network.backbone.name} cannot be "
            f"split after block {depth} ({problem})."
        )
        return _from_pixels(network, feed)
    return Source(depth, reader, split.suffix, feed.spec)


def _from_pixels(network: Network, feed: Feed) -> Source:
    return Source(0, feed.pixels, network, feed.spec)


def _check(network: Network, reader: Reader, suffix: nn.Module, feed: Feed) -> None:
    rows = np.arange(min(CHECKED_ROWS, len(feed)), dtype=np.int64)
    network.eval()
    with torch.inference_mode():
        uncached = network(normalise(feed.pixels(rows), feed.spec).to(feed.device))
        cached = suffix(reader(rows).to(feed.device))
    scale = max(1.0, float(uncached.abs().max()))
    difference = float((cached - uncached).abs().max()) / scale
    if not difference <= TOLERANCE:
        raise CannotSplit(f"cached and uncached outputs differ by {difference:.1e}")
