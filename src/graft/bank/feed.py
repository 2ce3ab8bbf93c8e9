"""Rows of a data set as the suffix's inputs, at any depth: pixels, or outputs of the prefix.

A frozen block is a pure function of its input, so it belongs to the data pipeline: decode, resize,
prefix, bank. Whoever reads from a feed cannot tell at which depth the values were made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from graft.bank.inputs import Inputs
from graft.bank.key import PLAIN, View, prefix_key
from graft.bank.store import SEGMENT_BYTES, SEGMENT_SECONDS, Shelf, open_shelf, row_range
from graft.data.ahead import map_ahead
from graft.data.augment import augmented_views
from graft.device import prefix_engine
from graft.network import Network
from graft.progress import Progress
from graft.types import IntArray, Json

Reader = Callable[[IntArray], Tensor]

# The prefix runs in batches of its own, so that a stored value never depends on the training batch.
PREFIX_BATCH = 64
# Batches of pixels that are read while the prefix computes.
BATCHES_AHEAD = 2
# Below this a reader keeps its rows in memory instead of asking the memory-mapped file.
MEMORY_BYTES = 2**28


@dataclass(slots=True)
class BankUse:
    """What the bank did for a run: rows asked for, found, computed; bytes read; seconds spent.

    `error` is the largest one of the rows that were read; see `graft.bank.segment.rounding_error`.
    """

    storage: str = "float32"
    rows: int = 0
    hits: int = 0
    computed: int = 0
    read_bytes: int = 0
    seconds: float = 0.0
    error: dict[str, float] = field(default_factory=lambda: {"max": 0.0, "relative": 0.0})

    def count(self, shelf: Shelf, rows: int, missing: int, seconds: float) -> None:
        """Add one reading of `rows` rows, of which `missing` were computed first."""
        self.rows += rows
        self.hits += rows - missing
        self.computed += missing
        self.read_bytes += shelf.row_bytes() * rows
        self.seconds += seconds
        self.error = {name: max(old, shelf.error()[name]) for name, old in self.error.items()}

    def to_dict(self) -> Json:
        """The counts as JSON values."""
        return {
            "rows": self.rows,
            "hits": self.hits,
            "computed": self.computed,
            "bytes": self.read_bytes,
            "storage": self.storage,
            "error": dict(self.error),
        }


class Feed:
    """Readers for the rows of one data set.

    Args:
        inputs: The decoded pictures, or the tokens of the texts.
        digests: Digest of each row; row numbers given to readers index this list.
        network: The network whose prefix is run.
        device: Where the prefix runs.
        root: The bank's folder.
        progress: Told about every batch that has to be computed.
        storage: The type that outputs are stored in: `float32` or `float16`.
    """

    def __init__(
        self,
        inputs: Inputs,
        digests: Sequence[bytes],
        network: Network,
        device: torch.device,
        root: Path,
        progress: Progress,
        storage: str = "float32",
    ) -> None:
        self.use = BankUse(storage)
        self.inputs = inputs
        self._digests = list(digests)
        self._network = network
        self.device = device
        self._root = root
        self._progress = progress
        self._readers: dict[str, Reader] = {}
        self._read_raw: Reader | None = None

    def __len__(self) -> int:
        return len(self._digests)

    def raw(self, rows: IntArray) -> Tensor:
        """(N, ...) what depth 0 reads: uint8 pixels, or packed tokens."""
        if self._read_raw is None:
            self._read_raw = self.inputs.reader(self._digests)
        return self._read_raw(rows)

    def lengths(self) -> IntArray | None:
        """(N,) length of each row, or None where all rows have one shape, as here."""
        return None

    def activations(self, depth: int, prefix: nn.Module, view: View = PLAIN) -> Reader:
        """A reader of the outputs of the first `depth` blocks, computing what is missing.

        Raises:
            OutputError: The bank cannot be written.
            ResourceError: The disk is full, or a value is too large for the storage type.
        """
        plain = prefix_key(
            self._network,
            depth,
            inputs=self.inputs.key,
            engine=prefix_engine(self.device),
            batch_size=PREFIX_BATCH,
            storage=self.use.storage,
        )
        known = f"{plain} {view}"
        if known not in self._readers:
            about = self._about(depth, view)
            shelf = open_shelf(self._root, view.key(plain), storage=self.use.storage, about=about)
            self._readers[known] = self._filled(shelf, prefix, view)
        return self._readers[known]

    def _about(self, depth: int, view: View) -> Json:
        backbone = self._network.backbone
        name, blocks = backbone.name, len(backbone.blocks)
        where = "features" if depth == blocks else f"after block {depth} of {blocks}"
        size = self.inputs.size
        views = f", {view.augment} views" if view.number else ""
        return {"kind": "prefix", "what": f"{name} {size} {where}, {self.use.storage}{views}"}

    def _filled(self, shelf: Shelf, prefix: nn.Module, view: View) -> Reader:
        begun = perf_counter()
        digests = [view.digest(digest) for digest in self._digests]
        places = shelf.claim(digests)
        missing = {digests[row]: row for row in (places[:, 0] < 0).nonzero()[0][::-1]}
        if missing:
            self._fill(shelf, sorted(missing.values()), prefix, view)
            places = shelf.claim(digests)
        self.use.count(shelf, len(digests), len(missing), perf_counter() - begun)
        return shelf.reader(places, MEMORY_BYTES)

    def _fill(self, shelf: Shelf, rows: Sequence[int], prefix: nn.Module, view: View) -> None:
        task = "frozen blocks"
        self._progress.start(task, len(rows))
        writer = _Writer(shelf)
        for picked, pixels in self._batches(rows, view):
            digests = [view.digest(self._digests[row]) for row in picked]
            writer.add(digests, self._run(prefix, pixels)[: len(picked)])
            self._progress.advance(task, len(picked))
        writer.flush()
        self._progress.finish(task)

    def _batches(self, rows: Sequence[int], view: View) -> Iterator[tuple[list[int], Tensor]]:
        """Rows and their pixels in full batches (the last one is padded), read ahead."""
        pieces = [[rows[at] for at in piece] for piece in row_range(len(rows), PREFIX_BATCH)]
        read = partial(self._padded, view=view)
        pixels = map_ahead(read, pieces, workers=1, waiting=BATCHES_AHEAD)
        return zip(pieces, pixels, strict=True)

    def _padded(self, rows: list[int], view: View) -> Tensor:
        """(PREFIX_BATCH, C, H, W) uint8 pixels of this view."""
        digests = [self._digests[row] for row in rows]
        digests += digests[-1:] * (PREFIX_BATCH - len(rows))
        pixels = self.inputs.read(digests)
        if view.number == 0:
            return pixels
        seeds = [int.from_bytes(view.digest(digest)[:8]) >> 1 for digest in digests]
        return augmented_views(view.augment, pixels, seeds)

    def _run(self, prefix: nn.Module, pixels: Tensor) -> Tensor:
        self._network.eval()
        inputs = self.inputs.prepare(pixels.to(self.device))
        with torch.inference_mode():
            outputs: Tensor = prefix(inputs)
        return outputs.float().cpu()


class _Writer:
    """Collects rows and stores them in segments, by size and by time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._digests: list[bytes] = []
        self._values: list[Tensor] = []
        self._since = perf_counter()

    def add(self, digests: Sequence[bytes], values: Tensor) -> None:
        self._digests += digests
        self._values.append(values)
        full = sum(piece.nbytes for piece in self._values) >= SEGMENT_BYTES
        if full or perf_counter() - self._since > SEGMENT_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._digests:
            notes = [""] * len(self._digests)
            self._shelf.append(self._digests, torch.cat(self._values).numpy(), notes)
        self._digests, self._values, self._since = [], [], perf_counter()
