"""A feed of rows of different lengths: one plain feed for each length, read as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.text import PADDING
from graft.bank.feed import BankUse, Feed, Reader
from graft.bank.inputs import Inputs
from graft.bank.key import prefix_weights
from graft.bank.pairs import Pairs
from graft.bank.tokens import Tokens
from graft.bank.way import ReadyEngine, Way, Wish
from graft.engines import AUTO
from graft.network import Network, Split
from graft.progress import Progress
from graft.types import IntArray

# Texts of up to so many tokens that frozen layers compute at a time; of longer ones as many as have
# the same number of tokens. A thousand tokens keep two cores as busy as any number, and what fills
# up the last batch of every bucket is then less than a thousand tokens.
SHORT = 16
CPU_ROWS, GPU_ROWS = 64, 1024


class BucketedFeed:
    """Readers for tokenised texts.

    A text's frozen layers run among texts of its own bucket, always at the same padded length and
    in batches of the same size, filled up where texts are few: a stored value depends on the text
    alone, whoever its neighbours are.

    Args:
        tokens: The tokenised texts, or pairs of texts.
        digests: Digest of each row's text; row numbers given to readers index this list.
        network: The network whose prefix is run.
        device: Where the prefix runs.
        root: The bank's folder.
        progress: Told about every batch that has to be computed.
        storage: The type that outputs are stored in: `float32` or `float16`.
        wish: Engine of the prefix, eager where it is open, and how many texts of `SHORT` tokens it
            computes at a time.
    """

    def __init__(
        self,
        tokens: Tokens | Pairs,
        digests: Sequence[bytes],
        network: Network,
        device: torch.device,
        root: Path,
        progress: Progress,
        storage: str = "float32",
        wish: Wish = Wish(),  # noqa: B008 - a value
    ) -> None:
        engine = "eager" if wish.engine == AUTO else wish.engine
        self._rows = wish.batch_size or (CPU_ROWS if device.type == "cpu" else GPU_ROWS)
        self.use = BankUse(storage)
        self.warnings: list[str] = []
        self.chosen: Callable[[Way], None] = lambda _: None  # nothing is measured: no one is told
        self.device = device
        self.ready = ReadyEngine()
        self._network = network
        self._lengths = np.array([tokens.length(digest) for digest in digests], dtype=np.int64)
        self._kept = np.minimum(self._lengths, tokens.counts(digests))
        self._longest = tokens.spec.max_length
        self._place = np.zeros(len(digests), dtype=np.int64)
        self._feeds: dict[int, Feed] = {}
        for length in np.unique(self._lengths).tolist():
            members = np.flatnonzero(self._lengths == length)
            self._place[members] = np.arange(len(members))
            chosen = [digests[row] for row in members.tolist()]
            wanted = Wish(engine, rows_at_once(length, self._rows))
            feed = Feed(tokens.at(length), chosen, network, device, root, progress, storage, wanted)
            feed.use, feed.warnings, feed.ready = self.use, self.warnings, self.ready
            self._feeds[length] = feed
        self.inputs: Inputs = next(iter(self._feeds.values())).inputs

    def __len__(self) -> int:
        return len(self._lengths)

    def lengths(self) -> IntArray | None:
        """(N,) tokens of each row, as many as the encoder reads."""
        return self._kept

    @property
    def way(self) -> Way | None:
        """How the frozen layers ran: the engine, and how many short texts at a time."""
        engines = [feed.way.engine for feed in self._feeds.values() if feed.way is not None]
        return Way(engines[0], self._rows) if engines else None

    @property
    def tolerance(self) -> float:
        """How far the engine's outputs may be from eager ones, relative to the largest."""
        return max(feed.tolerance for feed in self._feeds.values())

    def raw(self, rows: IntArray) -> Tensor:
        """(N, L) packed tokens, padded to the longest of these rows."""
        return self._gather({length: feed.raw for length, feed in self._feeds.items()}, rows)

    def activations(self, depth: int, prefix: nn.Module) -> Reader:
        """A reader of the outputs of the first `depth` blocks, computing what is missing.

        Values are (N, L, D), NaN where padded up to the longest of the rows asked for, or (N, D)
        above the last block.

        Raises:
            OutputError: The bank cannot be written.
            ResourceError: The disk is full.
        """
        weights = prefix_weights(self._network, depth)
        readers = {
            length: feed.activations(depth, prefix, weights) for length, feed in self._feeds.items()
        }
        return lambda rows: self._gather(readers, rows)

    def through(self, depth: int, halves: Split) -> Reader:
        """A reader of the pooled features; see `graft.bank.feed.Feed.through`."""
        weights = prefix_weights(self._network, len(self._network.backbone.blocks))
        readers = {
            length: feed.through(depth, halves, weights) for length, feed in self._feeds.items()
        }
        return lambda rows: self._gather(readers, rows)

    def _gather(self, readers: dict[int, Reader], rows: IntArray) -> Tensor:
        """Read each bucket's rows and put them in the order asked for, padded to one length."""
        lengths = self._lengths[rows]
        found = {
            length: readers[length](self._place[rows[lengths == length]])
            for length in np.unique(lengths).tolist()
        }
        if not found:
            return next(iter(readers.values()))(rows)
        one = found[max(found)]
        by_token = one.ndim == 3 or not one.is_floating_point()
        if not by_token:
            whole = one.new_empty((len(rows), *one.shape[1:]))
        else:
            fill = torch.nan if one.is_floating_point() else PADDING
            whole = one.new_full((len(rows), self._width(rows), *one.shape[2:]), fill)
        for length, values in found.items():
            chosen = torch.from_numpy(np.flatnonzero(lengths == length))
            if by_token:
                whole[chosen, : min(length, whole.shape[1])] = values[:, : whole.shape[1]]
            else:
                whole[chosen] = values
        return whole

    def _width(self, rows: IntArray) -> int:
        """The longest of the rows; where it is read in pieces, all of their room."""
        longest = int(self._lengths[rows].max())
        return longest if longest > self._longest else max(1, int(self._kept[rows].max()))


def rows_at_once(length: int, rows: int) -> int:
    """How many texts of a bucket are computed together, where `rows` of `SHORT` tokens are.

    >>> [rows_at_once(length, 64) for length in (8, 16, 32, 256, 4096)]
    [64, 64, 32, 4, 1]
    """
    return max(1, min(rows, rows * SHORT // length))


AnyFeed = Feed | BucketedFeed
