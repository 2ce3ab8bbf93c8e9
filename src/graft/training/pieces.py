"""Batches that do not fit into memory, computed in pieces: the same rows, the same mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graft.memory import out_of_memory
from graft.types import Batch


def _untold(_most: int) -> None:
    """Nobody is told."""


@dataclass(slots=True)
class Pieces:
    """How many rows are computed at a time.

    Attributes:
        most: At most so many; None for a whole batch.
        tell: Given the number when it is lowered.
    """

    most: int | None = None
    tell: Callable[[int], None] = _untold

    def of(self, batch: Batch) -> Iterator[Batch]:
        """A batch in pieces of about one size; none of a single row, which BatchNorm cannot train
        on, unless the batch is."""
        rows = len(batch)
        count = min(-(-rows // (self.most or rows)), max(1, rows // 2))
        if count == 1:
            yield batch
            return
        parts = batch.inputs.tensor_split(count), batch.targets.tensor_split(count)
        yield from map(Batch, *parts)

    def lower(self, rows: int) -> None:
        """Halve the number, after memory ran out with so many rows.

        Raises:
            ResourceError: They cannot be halved.
        """
        if rows < 4:
            raise out_of_memory(
                f"Memory ran out in training with {rows} rows at a time",
                advice="raise the limit, or choose a smaller --size or another --backbone",
            )
        self.most = rows // 2
        self.tell(self.most)
