"""What depth 0 of every network reads: the one thing that pictures and texts have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Generator, Tensor

from graft.types import IntArray, Json

Transform = Callable[[Tensor, Generator], Tensor]


class Inputs(Protocol):
    """Rows of one shape, stored as the backbone's inputs but for what costs nothing."""

    @property
    def key(self) -> str:
        """The key of everything but the row's own content that the stored values depend on."""

    @property
    def size(self) -> str:
        """The shape of a row, for people."""

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, ...) stored values: uint8 pixels, or packed tokens."""

    def reader(self, digests: Sequence[bytes]) -> Callable[[IntArray], Tensor]:
        """Row numbers, which index `digests`, to their stored values."""

    def prepare(self, raw: Tensor) -> Tensor:
        """Stored values as the backbone's inputs."""

    def transform(self, augment: str) -> Transform | None:
        """What training does to a batch of stored values: augment and prepare; None for nothing.

        Raises:
            UnknownNameError: No such augmentation.
        """


class Opened(Protocol):
    """All rows of a data set, opened: what a run and its report ask of them."""

    @property
    def digests(self) -> Sequence[bytes | None]:
        """One per row of the data, None where the content cannot be read."""

    @property
    def faults(self) -> dict[int, str]:
        """Row number and reason of every row that cannot be used."""

    def facts(self, source: str, digests: Sequence[bytes]) -> Json:
        """What the result says of these rows."""
