"""Answers of a network in evaluation mode, in as large pieces of a batch as fit into memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.engines.failure import OutOfMemory, memory_watched
from graft.memory import give_back, out_of_memory


class InPieces(nn.Module):
    """Calls a module on halves of a batch where memory runs out on the whole.

    In evaluation mode a row's outputs do not depend on the rows beside it, so nothing changes but
    the last bits.

    Args:
        module: Its inputs and outputs are (B, ...).
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.most: int | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, ...) outputs.

        Raises:
            ResourceError: Not even a single row fits.
        """
        while True:
            rows = max(1, min(len(inputs), self.most or len(inputs)))
            try:
                with memory_watched():
                    return self._in_pieces(inputs, rows)
            except OutOfMemory:
                smaller = rows // 2
            give_back()
            if not smaller:
                raise out_of_memory("Memory ran out on a single row")
            self.most = smaller

    def _in_pieces(self, inputs: Tensor, rows: int) -> Tensor:
        if rows >= len(inputs):
            found: Tensor = self.module(inputs)
            return found
        return torch.cat([self.module(piece) for piece in inputs.split(rows)])
