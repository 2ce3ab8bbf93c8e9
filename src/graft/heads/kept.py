"""A pretrained output layer that is kept as the head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from graft.heads.head import Head


class KeptHead(Head):
    """The native model's own output layer: vectors of tokens to logits over the vocabulary.

    Rows may have empty places, whose vectors are NaN (`graft.backbones.pair_layout`): logits are
    computed for the others alone, row after row, so that nothing is spent on padding.

    Args:
        layer: The layer, without a bias.
        bias: (V,) added to the logits; it does not train. None for none.
        tied: Whether the weight is also that of embeddings. It then belongs to their block, trains
            and stays frozen with it, and the head has no parameters of its own.
    """

    bias: Tensor | None

    def __init__(self, layer: nn.Linear, bias: Tensor | None, *, tied: bool) -> None:
        super().__init__("kept", layer.in_features, layer.out_features)
        self.tied = tied
        self._layer = (layer,)  # in a tuple: a tied weight is the backbone's
        if not tied:
            self.weight = layer.weight
        self.register_buffer("bias", bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (B, L, D) with M places that are not empty, to logits (M, V)."""
        known = vectors[~vectors[..., 0].isnan()]
        return functional.linear(known, self._layer[0].weight, self.bias)

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """The layer."""
        weight = self._layer[0].weight.detach()
        bias = weight.new_zeros(len(weight)) if self.bias is None else self.bias
        return [(weight, bias)]

    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        weight, bias = layers[0]
        with torch.no_grad():
            self._layer[0].weight.copy_(weight)
            if self.bias is not None:
                self.bias.copy_(bias)
