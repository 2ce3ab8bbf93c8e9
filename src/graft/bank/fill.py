"""Filling a shelf: rows are read, run through an engine and stored, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor, nn

from graft.bank.inputs import Inputs
from graft.bank.key import View
from graft.bank.store import SEGMENT_BYTES, SEGMENT_SECONDS, Shelf, row_range
from graft.data.ahead import map_ahead
from graft.data.augment import augmented_views
from graft.engines import Engine
from graft.progress import Progress

Item = tuple[int, View]  # a row's number, and which of its pictures

# Batches of pixels that are read while the prefix computes.
BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Items:
    """Reads what a prefix is run on.

    Attributes:
        inputs: The decoded pictures, or the tokens of the texts.
        digests: Digest of each row.
        device: Where the prefix runs.
    """

    inputs: Inputs
    digests: Sequence[bytes]
    device: torch.device

    def digest(self, item: Item) -> bytes:
        """The key of an item on its shelf."""
        row, view = item
        return view.digest(self.digests[row])

    def padded(self, items: list[Item], batch: int) -> Tensor:
        """(batch, ...) pixels or tokens; the last ones again where there are fewer items."""
        full = [*items, *(items[-1:] * (batch - len(items)))]
        pixels = self.inputs.read([self.digests[row] for row, _ in full])
        view = items[0][1]
        if view.number == 0:
            return pixels
        seeds = [int.from_bytes(self.digest(item)[:8]) >> 1 for item in full]
        return augmented_views(view.augment, pixels, seeds)

    def placed(self, items: list[Item], batch: int) -> Tensor:
        """The same on the device."""
        return self.padded(items, batch).to(self.device)


class FromStored(nn.Module):
    """A prefix that reads what is stored, so that an engine prepares it too.

    Where ONNX Runtime computes, its threads and PyTorch's would wait for each other between
    preparing a batch and computing it: with MobileNetV3 a fifth of the time.

    Args:
        prepare: Stored values to the prefix's inputs.
        prefix: What is computed of these.
    """

    def __init__(self, prepare: Callable[[Tensor], Tensor], prefix: nn.Module) -> None:
        super().__init__()
        self.prefix = prefix
        self._prepare = prepare

    def forward(self, stored: Tensor) -> Tensor:
        """(B, ...) stored values to (B, ...) outputs."""
        outputs: Tensor = self.prefix(self._prepare(stored))
        return outputs


def fill(
    shelf: Shelf,
    items: Items,
    missing: Sequence[Item],
    engine: Engine,
    batch: int,
    progress: Progress,
) -> None:
    """Compute and store what is missing.

    Args:
        shelf: Where to.
        items: Reads them.
        missing: Which ones.
        engine: For batches of this size, as they are read.
        batch: Rows at a time; the last ones are filled up.
        progress: Told about every batch.

    Raises:
        OutputError: The bank cannot be written.
        ResourceError: The disk is full, or a value is too large for the storage type.
    """
    task = "frozen blocks"
    progress.start(task, len(missing))
    writer = _Writer(shelf)
    pieces = [[missing[at] for at in piece] for piece in row_range(len(missing), batch)]
    # Read and augmented by a thread while the prefix computes.
    read = partial(items.padded, batch=batch)
    raw = map_ahead(read, pieces, workers=1, waiting=BATCHES_AHEAD)
    for piece, pixels in zip(pieces, raw, strict=True):
        values = engine(pixels.to(items.device))[: len(piece)].cpu()
        writer.add([*map(items.digest, piece)], values)
        progress.advance(task, len(piece))
    writer.flush()
    progress.finish(task)


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
