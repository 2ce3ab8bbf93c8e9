"""Rows of a data set as the suffix's inputs, at any depth: pixels, or outputs of the prefix.

A frozen block is a pure function of its input, so it belongs to the data pipeline: decode, resize,
prefix, bank. Whoever reads from a feed cannot tell at which depth the values were made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from graft.bank.fill import FromStored, Item, Items, fill
from graft.bank.inputs import Inputs
from graft.bank.key import PLAIN, Digests, PrefixKeys, View, prefix_keys, prefix_weights
from graft.bank.store import Shelf, open_shelf
from graft.bank.stored import StoredOutputs
from graft.bank.way import ReadyEngine, Way, Wish, chosen_batch, chosen_engine, halved, stored_way
from graft.engines import ENGINES, OutOfMemory, memory_watched
from graft.memory import give_back
from graft.network import Network, Split
from graft.progress import Progress
from graft.types import IntArray, Json

Reader = Callable[[IntArray], Tensor]
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
        wish: Engine and batch size of the prefix, as far as they are given.
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
        wish: Wish = Wish(),  # noqa: B008 - a value
    ) -> None:
        self.use = BankUse(storage)
        self.inputs = inputs
        self.way: Way | None = None
        self.chosen: Callable[[Way], None] = lambda _: None
        self.warnings: list[str] = []
        self.ready = ReadyEngine()
        self._wish = wish
        self._digests = list(digests)
        self._network = network
        self.device = device
        self._root = root
        self._progress = progress
        self._items = Items(inputs, self._digests, device)
        self._readers: dict[str, tuple[Reader, ...]] = {}
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

    def activations(self, depth: int, prefix: nn.Module, weights: Digests | None = None) -> Reader:
        """A reader of the outputs of the first `depth` blocks, computing what is missing.

        Args:
            depth: How many blocks the prefix has.
            prefix: What computes them.
            weights: See `graft.bank.key.prefix_keys`.

        Raises:
            OutputError: The bank cannot be written.
            ResourceError: The disk is full, or a value is too large for the storage type.
        """
        (reader,) = self.views(depth, prefix, [PLAIN], np.arange(len(self)), weights)
        return reader

    def views(
        self,
        depth: int,
        prefix: nn.Module,
        views: Sequence[View],
        rows: IntArray,
        weights: Digests | None = None,
    ) -> tuple[Reader, ...]:
        """Readers like that of `activations`, for other pictures of some of the rows.

        Args:
            depth: How many blocks the prefix has.
            prefix: What computes them.
            views: Which pictures; all plain or all by one augmentation.
            rows: The only rows that will be read.
            weights: See `graft.bank.key.prefix_keys`.
        """
        if not views:
            return ()
        keys = self._keys(depth, weights)
        known = _name(keys, views, rows)
        if known not in self._readers:
            about = _about(self._network, depth, self.inputs.size, views[0], self.use.storage)
            items = [(int(row), view) for view in views for row in rows]
            whole = FromStored(self.inputs.prepare, prefix)
            shelf, places = self._open(_Job(whole, items, keys, about))
            memory = MEMORY_BYTES // len(views)
            by_view = places.reshape(len(views), len(rows), 2)
            readers = (shelf.reader(found, memory) for found in by_view)
            self._readers[known] = tuple(_of_rows(r, rows, len(self)) for r in readers)
        return self._readers[known]

    def through(self, depth: int, halves: Split, weights: Digests | None = None) -> Reader:
        """A reader of the pooled features, computed from outputs of the first blocks.

        For a run that wants both: no block is computed twice. From now on `activations` gives the
        same reader for all blocks.

        Args:
            depth: How many blocks the prefix has.
            halves: Prefix, and from its outputs to features.
            weights: Of all blocks; see `graft.bank.key.prefix_keys`.
        """
        blocks, rows = len(self._network.backbone.blocks), np.arange(len(self))
        weights = weights or prefix_weights(self._network, blocks)
        known = _name(self._keys(blocks, weights), [PLAIN], rows)
        if known not in self._readers:
            below = self.activations(depth, halves.prefix, weights)
            above = self._above(depth, below, weights)
            self._readers[known] = (above.activations(blocks, halves.suffix, weights),)
        return self._readers[known][0]

    def _above(self, depth: int, below: Reader, weights: Digests) -> Feed:
        """A feed of the same rows that reads outputs of the first blocks instead of pixels."""
        assert self.way is not None  # settled when they were computed
        key = _key(self._keys(depth, weights), self.way, self.device)
        inputs = StoredOutputs(key, self.inputs.size, self._digests, below)
        feed = Feed(
            inputs,
            self._digests,
            self._network,
            self.device,
            self._root,
            self._progress,
            self.use.storage,
            self.way.above(),
        )
        feed.use, feed.warnings = self.use, self.warnings
        return feed

    def _keys(self, depth: int, weights: Digests | None) -> PrefixKeys:
        storage, inputs = self.use.storage, self.inputs.key
        return prefix_keys(self._network, depth, inputs=inputs, storage=storage, weights=weights)

    @property
    def tolerance(self) -> float:
        """How far the engine's outputs may be from eager ones, relative to the largest."""
        return ENGINES[self.way.engine].tolerance if self.way else 0.0

    def _open(self, job: _Job) -> tuple[Shelf, IntArray]:
        """The shelf of the way that is settled, stored or chosen now, and every item's place."""
        begun = perf_counter()
        digests = [self._items.digest(item) for item in job.items]
        if self.way is not None:
            self._wish = self.way.again()
        way = stored_way(self._wish, self.device, partial(self._stored, job), digests)
        shelf = self._shelf(job, way) if way else None
        computed = 0
        if shelf is None or _missing(shelf, digests):
            wish = way.again() if way else self._wish
            way, shelf, computed = self._compute(job, wish, digests)
        self.way = self.way or way
        places = shelf.claim(digests)
        self.use.count(shelf, len(digests), computed, perf_counter() - begun)
        return shelf, places

    def _compute(self, job: _Job, wish: Wish, digests: Sequence[bytes]) -> tuple[Way, Shelf, int]:
        """Fill the shelf of a way that fulfils the wish; halve the batch where memory runs out."""
        with memory_watched():
            self._network.eval()
            row = self._items.placed(job.items[:1], 1)
            batch = chosen_batch(wish, job.prefix, row)
        while True:
            try:
                with memory_watched():
                    return self._compute_in(batch, job, wish, digests)
            except OutOfMemory:
                smaller = halved(batch)
                line = (
                    f"Memory ran out: the frozen blocks run in batches of {smaller}, not {batch}."
                )
                self.warnings.append(line)
                self._progress.say(line)
            give_back()
            batch = smaller

    def _compute_in(
        self, batch: int, job: _Job, wish: Wish, digests: Sequence[bytes]
    ) -> tuple[Way, Shelf, int]:
        first = self._items.placed(job.items[:batch], batch)
        known, rows = f"{job.keys.name()} {batch}", len(set(digests))
        whole = FromStored(self.inputs.prepare, self._network.backbone)
        prepare = partial(chosen_engine, wish, job.prefix, first, rows, self.warnings, whole)
        engine = self.ready.get(known, wish, prepare)
        way = Way(engine.name, batch)
        shelf = self._shelf(job, way)
        missing = [job.items[at] for at in _missing(shelf, digests)]
        if self.way is None:
            self.chosen(way)  # before it is carried out, so that a later process keeps to it
        fill(shelf, self._items, missing, engine, batch, self._progress)
        return way, shelf, len(missing)

    def _shelf(self, job: _Job, way: Way) -> Shelf:
        storage = self.use.storage
        return open_shelf(self._root, job.key(way, self.device), storage=storage, about=job.about)

    def _stored(self, job: _Job, way: Way) -> Shelf | None:
        """The shelf of a way, where there is one."""
        return self._shelf(job, way) if (self._root / job.key(way, self.device)).is_dir() else None


@dataclass(frozen=True, slots=True)
class _Job:
    """A prefix that reads what is stored and what is run through it, with keys and description."""

    prefix: nn.Module
    items: list[Item]
    keys: PrefixKeys
    about: Json

    def key(self, way: Way, device: torch.device) -> str:
        """The key of the shelf for one way."""
        return self.items[0][1].key(_key(self.keys, way, device))


def _key(keys: PrefixKeys, way: Way, device: torch.device) -> str:
    """Of what is computed of plain pictures in this way."""
    return keys.key(way.identity(device), way.batch_size)


def _name(keys: PrefixKeys, views: Sequence[View], rows: IntArray) -> str:
    """Of the readers of these values."""
    return f"{keys.name()} {views} {rows.tobytes().hex()}"


def _about(network: Network, depth: int, size: str, view: View, storage: str) -> Json:
    """What stands on a shelf, for people."""
    backbone = network.backbone
    blocks = len(backbone.blocks)
    where = "features" if depth == blocks else f"after block {depth} of {blocks}"
    views = f", {view.augment} views" if view.number else ""
    return {"kind": "prefix", "what": f"{backbone.name} {size} {where}, {storage}{views}"}


def _missing(shelf: Shelf, digests: Sequence[bytes]) -> list[int]:
    """The first row of every picture that is not stored whole."""
    absent = (shelf.claim(digests)[:, 0] < 0).nonzero()[0]
    return sorted({digests[row]: int(row) for row in absent[::-1]}.values())


def _of_rows(reader: Reader, chosen: IntArray, count: int) -> Reader:
    """A reader by row number, from one by place among the chosen rows."""
    if np.array_equal(chosen, np.arange(count)):
        return reader
    places = np.full(count, -1, dtype=np.int64)
    places[chosen] = np.arange(len(chosen))

    def read(rows: IntArray) -> Tensor:
        if (places[rows] < 0).any():
            raise KeyError("a row that was not chosen was asked for")
        return reader(places[rows])

    return read
