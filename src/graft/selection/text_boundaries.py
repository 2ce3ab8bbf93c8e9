"""What every block of a text encoder gives on, pooled to one vector per text, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.calls import Handler, evaluation, intercepted
from graft.backbones.text import POOLING, TextBackbone


class PooledLayers(nn.Module):
    """Packed tokens to the pooled outputs of all blocks, side by side; the last is the backbone's.

    Token vectors are pooled as the checkpoint pools those of the last layer.

    Args:
        backbone: In evaluation mode.

    Attributes:
        widths: Features of each depth 1 ... B, in order.
    """

    def __init__(self, backbone: TextBackbone) -> None:
        super().__init__()
        self.backbone = backbone
        names = [seam.name for seam in backbone.seams[:-1]]
        # In a list: these modules are the backbone's.
        self._lower = [backbone.model.get_submodule(name) for name in names]
        self.widths: tuple[int, ...] = ()
        self.widths = tuple(part.shape[1] for part in self._parts(backbone.dry_inputs(2)))

    def forward(self, tokens: Tensor) -> Tensor:
        """Packed tokens (B, L) to (B, sum of widths) float32."""
        return torch.cat(self._parts(tokens), dim=1)

    def _parts(self, tokens: Tensor) -> list[Tensor]:
        backbone, listener = self.backbone, _Listener()
        pieces, owners = backbone.pieces(tokens)
        pool = POOLING[backbone.spec.pooling]
        with evaluation(backbone), torch.no_grad(), intercepted(self._lower, listener):
            last = pool(backbone.hidden(pieces), pieces >= 0)
        pooled = [pool(listener.vectors[module], pieces >= 0) for module in self._lower]
        return [backbone.averaged(v, owners, len(tokens)).float() for v in (*pooled, last)]


class _Listener(Handler):
    """Keeps the vectors that modules return."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors: dict[nn.Module, Tensor] = {}

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        output = run()
        vectors = output if isinstance(output, Tensor) else output[0]
        self.vectors[module] = vectors.clone()  # what follows may write into it
        return output
