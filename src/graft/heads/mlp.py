"""Hidden layers between the features and the logits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from graft.heads.head import Head, initialise


class MLPHead(Head):
    """Linear, ReLU, dropout for every hidden width, then one linear layer to the logits.

    Args:
        features: D, the width of the features.
        classes: C, the number of logits.
        hidden: Widths of the hidden layers, at least one.
        dropout: Probability with which a hidden unit is zeroed in training.
        seed: Seed of the initial weights.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        hidden: Sequence[int],
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__("mlp:" + ",".join(map(str, hidden)), features, classes)
        generator = torch.Generator().manual_seed(seed)
        widths = [features, *hidden, classes]
        # Without memory until `initialise`: nn.Linear would draw from the global random state.
        linears = [nn.Linear(a, b, device="meta") for a, b in pairwise(widths)]
        self.linears = nn.ModuleList(linear.to_empty(device="cpu") for linear in linears)
        self.dropout = nn.Dropout(dropout)
        for linear in self._linears():
            initialise(linear.weight, linear.bias, generator)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, D) to logits (B, C)."""
        *hidden, last = self.linears
        for linear in hidden:
            features = self.dropout(torch.relu(linear(features)))
        return self.in_units(last(features))

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of every linear layer, the first one first; units are folded in."""
        found = [(linear.weight.detach(), linear.bias.detach()) for linear in self._linears()]
        weight, bias = self._with_units(*found[-1])
        return [*found[:-1], (weight.to(found[-1][0].dtype), bias.to(found[-1][1].dtype))]

    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        inner = [*layers[:-1], self._without_units(*layers[-1])]
        with torch.no_grad():
            for linear, (weight, bias) in zip(self._linears(), inner, strict=True):
                linear.weight.copy_(weight)
                linear.bias.copy_(bias)

    def _linears(self) -> list[nn.Linear]:
        return [linear for linear in self.linears if isinstance(linear, nn.Linear)]
