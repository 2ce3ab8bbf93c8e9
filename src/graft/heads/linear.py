"""The default head: one linear layer on standardised features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from graft.heads.head import Head, initialise


class LinearHead(Head):
    """Logits `W ((x - mean) / scale) + b`; mean 0 and scale 1 until `standardise` is called.

    The standardisation conditions the optimisation problem and changes nothing else: `folded`
    gives the same function as one ordinary linear layer, which is what a saved model holds.

    Args:
        features: D, the width of the features.
        classes: C, the number of logits.
        dropout: Probability with which a standardised feature is zeroed in training.
        seed: Seed of the initial weights.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, classes: int, *, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__("linear", features, classes)
        self.weight = nn.Parameter(torch.empty(classes, features))
        self.bias = nn.Parameter(torch.empty(classes))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.dropout = nn.Dropout(dropout)
        initialise(self.weight, self.bias, torch.Generator().manual_seed(seed))

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, D) to logits (B, C)."""
        standardised = (features - self.mean) / self.scale
        outputs = functional.linear(self.dropout(standardised), self.weight, self.bias)
        return self.in_units(outputs)

    def standardise(self, mean: Tensor, scale: Tensor) -> None:
        """Set the constants that are subtracted and divided by; the weights stay as they are.

        Args:
            mean: (D,) mean of the training features.
            scale: (D,) their standard deviation; a constant feature's zero is taken as 1.
        """
        scale = torch.as_tensor(scale)
        self.mean.copy_(torch.as_tensor(mean))
        self.scale.copy_(torch.where(scale == 0, torch.ones_like(scale), scale))

    def set_solution(self, weight: Tensor, bias: Tensor) -> None:
        """Make the head compute `weight x + bias` of the features as the backbone gives them.

        Args:
            weight: (C, D).
            bias: (C,).
        """
        wide, offset = self._without_units(torch.as_tensor(weight), torch.as_tensor(bias))
        mean, scale = self.mean.double().to(wide.device), self.scale.double().to(wide.device)
        with torch.no_grad():
            self.weight.copy_(wide * scale)
            self.bias.copy_(offset + wide @ mean)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight (C, D) and bias (C,) of the one linear layer that computes the same logits.

        >>> head = LinearHead(2, 1)
        >>> head.standardise(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]))
        >>> head.set_solution(torch.tensor([[3.0, 4.0]]), torch.tensor([5.0]))
        >>> [part.tolist() for part in head.folded()]
        [[[3.0, 4.0]], [5.0]]
        """
        weight = self.weight.detach().double() / self.scale.double()
        bias = self.bias.detach().double() - weight @ self.mean.double()
        weight, bias = self._with_units(weight, bias)
        return weight.to(self.weight.dtype), bias.to(self.bias.dtype)

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """The folded layer."""
        return [self.folded()]

    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.set_solution(*layers[0])
