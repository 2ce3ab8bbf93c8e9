"""Rows of a data set as the suffix's inputs, at any depth: pixels, or outputs of the prefix.

A frozen block is a pure function of its input, so it belongs to the data pipeline: decode, resize,
prefix, bank. Whoever reads from a feed cannot tell at which depth the values were made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from graft.bank.key import prefix_key
from graft.bank.pixels import Pixels
from graft.bank.store import SEGMENT_BYTES, Shelf, open_shelf, row_range
from graft.data import normalise
from graft.device import prefix_engine
from graft.network import Network
from graft.progress import Progress
from graft.types import IntArray, Json

Reader = Callable[[IntArray], Tensor]

# The prefix runs in batches of its own, so that a stored value never depends on the training batch.
PREFIX_BATCH = 64
# Below this a reader keeps its rows in memory instead of asking the memory-mapped file.
MEMORY_BYTES = 2**30


@dataclass(slots=True)
class BankUse:
    """What the bank did for a run: rows asked for, found, computed; bytes read; seconds spent."""

    rows: int = 0
    hits: int = 0
    computed: int = 0
    read_bytes: int = 0
    seconds: float = 0.0

    def count(self, shelf: Shelf, digests: Sequence[bytes], missing: int, seconds: float) -> None:
        """Add one reading of `digests`, of which `missing` were computed first."""
        self.rows += len(digests)
        self.hits += len(digests) - missing
        self.computed += missing
        self.read_bytes += shelf.row_bytes() * len(digests) if digests else 0
        self.seconds += seconds

    def to_dict(self) -> Json:
        """The counts as JSON values."""
        return {
            "rows": self.rows,
            "hits": self.hits,
            "computed": self.computed,
            "bytes": self.read_bytes,
        }


class Feed:
    """Readers for the rows of one data set.

    Args:
        pixels: The decoded pictures.
        digests: Digest of each row's picture; row numbers given to readers index this list.
        network: The network whose prefix is run.
        device: Where the prefix runs.
        root: The bank's folder.
        progress: Told about every batch that has to be computed.
    """

    def __init__(
        self,
        pixels: Pixels,
        digests: Sequence[bytes],
        network: Network,
        device: torch.device,
        root: Path,
        progress: Progress,
    ) -> None:
        self.use = BankUse()
        self.spec = pixels.spec
        self._pixels = pixels
        self._digests = list(digests)
        self._network = network
        self.device = device
        self._root = root
        self._progress = progress
        self._readers: dict[str, Reader] = {}

    def __len__(self) -> int:
        return len(self._digests)

    def pixels(self, rows: IntArray) -> Tensor:
        """(N, C, H, W) uint8."""
        return self._pixels.read([self._digests[row] for row in rows])

    def activations(self, depth: int, prefix: nn.Module) -> Reader:
        """A reader of the outputs of the first `depth` blocks, computing what is missing.

        Raises:
            OutputError: The bank cannot be written.
            ResourceError: The disk is full.
        """
        key = prefix_key(
            self._network, depth, engine=prefix_engine(self.device), batch_size=PREFIX_BATCH
        )
        if key not in self._readers:
            self._readers[key] = self._open(key, prefix)
        return self._readers[key]

    def _open(self, key: str, prefix: nn.Module) -> Reader:
        begun = perf_counter()
        shelf = open_shelf(self._root, key)
        missing = [d for d in dict.fromkeys(self._digests) if d not in shelf]
        self._fill(shelf, missing, prefix)
        self.use.count(shelf, self._digests, len(missing), perf_counter() - begun)
        return self._reader(shelf)

    def _fill(self, shelf: Shelf, missing: Sequence[bytes], prefix: nn.Module) -> None:
        task = "frozen blocks"
        self._progress.start(task, len(missing))
        waiting: list[Tensor] = []
        waiting_digests: list[bytes] = []
        for piece in row_range(len(missing), PREFIX_BATCH):
            digests = [missing[row] for row in piece]
            waiting.append(self._run(prefix, digests))
            waiting_digests += digests
            self._progress.advance(task, len(digests))
            if sum(values.nbytes for values in waiting) >= SEGMENT_BYTES:
                self._flush(shelf, waiting_digests, waiting)
        self._flush(shelf, waiting_digests, waiting)
        self._progress.finish(task)

    def _flush(self, shelf: Shelf, digests: list[bytes], values: list[Tensor]) -> None:
        if values:
            shelf.append(digests, torch.cat(values).numpy(), [""] * len(digests))
        digests.clear()
        values.clear()

    def _run(self, prefix: nn.Module, digests: Sequence[bytes]) -> Tensor:
        padded = [*digests, *([digests[-1]] * (PREFIX_BATCH - len(digests)))]
        self._network.eval()
        inputs = normalise(self._pixels.read(padded).to(self.device), self.spec)
        with torch.inference_mode():
            outputs: Tensor = prefix(inputs)
        return outputs[: len(digests)].float().cpu()

    def _reader(self, shelf: Shelf) -> Reader:
        if shelf.row_bytes() * len(self._digests) <= MEMORY_BYTES:
            values = shelf.read(self._digests)
            return lambda rows: values[torch.from_numpy(rows)]
        return lambda rows: shelf.read([self._digests[row] for row in rows])
