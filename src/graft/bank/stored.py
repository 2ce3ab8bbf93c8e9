"""What the first blocks gave, as the inputs of the blocks above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from graft.bank.inputs import Transform
from graft.types import IntArray


class StoredOutputs:
    """Stored outputs of a prefix; see `graft.bank.inputs.Inputs`.

    Args:
        key: Of the shelf that they lie on.
        size: The shape of the pictures or texts that they come from, for people.
        digests: One per row.
        read_rows: Row numbers, which index `digests`, to outputs.
    """

    def __init__(
        self, key: str, size: str, digests: Sequence[bytes], read_rows: Callable[[IntArray], Tensor]
    ) -> None:
        self.key = key
        self.size = size
        self._rows = {digest: row for row, digest in enumerate(digests)}
        self._read_rows = read_rows

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, ...) outputs of these rows."""
        return self._read_rows(np.array([self._rows[digest] for digest in digests]))

    def reader(self, digests: Sequence[bytes]) -> Callable[[IntArray], Tensor]:
        """Row numbers, which index `digests`, to outputs."""
        return lambda rows: self.read([digests[row] for row in rows])

    def prepare(self, raw: Tensor) -> Tensor:
        """They are ready."""
        return raw

    def transform(self, augment: str) -> Transform | None:  # noqa: ARG002
        """Nothing is done to them."""
        return None
