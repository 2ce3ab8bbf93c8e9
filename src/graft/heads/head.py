"""What every head has in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Head(nn.Module, ABC):
    """New layers for the task: features (B, D) to logits (B, C).

    The outputs come in the units of the targets: what the last layer gives is multiplied by `unit`
    and `offset` is added, 1 and 0 unless `set_units` says otherwise. A saved model holds both
    folded into its last layer.

    Attributes:
        spec: The text that builds the same head again, such as `linear` or `mlp:1024`.
        features: D, the width of the backbone's pooled features.
        classes: C, the number of logits.
    """

    offset: Tensor
    unit: Tensor

    def __init__(self, spec: str, features: int, classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.features = features
        self.classes = classes
        self.register_buffer("offset", torch.zeros(classes))
        self.register_buffer("unit", torch.ones(classes))

    def set_units(self, offset: Tensor, unit: Tensor) -> None:
        """Set the units of the outputs; the weights stay as they are.

        A quantity is learnt on a scale on which it has mean 0 and standard deviation 1, so that
        one learning rate suits metres and millimetres.

        Args:
            offset: (C,) added to the outputs of the last layer.
            unit: (C,) what they are multiplied by, positive.
        """
        self.offset.copy_(torch.as_tensor(offset))
        self.unit.copy_(torch.as_tensor(unit))

    def in_units(self, outputs: Tensor) -> Tensor:
        """Outputs of the last layer (B, C) in the units of the targets."""
        return outputs * self.unit + self.offset

    def _with_units(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer's weight (C, D) and bias (C,) with the units folded in, in float64."""
        unit = self.unit.double()
        return weight.double() * unit[:, None], bias.double() * unit + self.offset.double()

    def _without_units(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of `_with_units`."""
        unit, offset = self.unit.double().to(weight.device), self.offset.double().to(weight.device)
        return weight.double() / unit[:, None], (bias.double() - offset) / unit

    def temper(self, temperature: float) -> None:
        """Divide all outputs by a temperature, for good: the last layer becomes smaller."""
        *inner, (weight, bias) = self.layers()
        self.set_layers([*inner, (weight / temperature, bias / temperature)])

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Features (B, D) to logits (B, C)."""

    @abstractmethod
    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of the linear layers that make up the head, with ReLU between them."""

    def set_layers(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """The inverse of `layers`.

        Raises:
            ValueError: Their number or shapes are not this head's.
        """
        shapes = [(tuple(w.shape), tuple(b.shape)) for w, b in layers]
        expected = [(tuple(w.shape), tuple(b.shape)) for w, b in self.layers()]
        if shapes != expected:
            raise ValueError(f"layers of shapes {shapes}, expected {expected}")
        self._set(layers)

    @abstractmethod
    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Copy the tensors into the parameters; their shapes are checked."""

    def extra_repr(self) -> str:
        """Shown when the head is printed."""
        return f"{self.spec}, {self.features} -> {self.classes}"


def initialise(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Draw both from U(-1/sqrt(D), 1/sqrt(D)), as `torch.nn.Linear` does, from the given generator.

    Args:
        weight: (C, D), filled in place.
        bias: (C,), filled in place.
        generator: Where the numbers come from; the global state is left alone.
    """
    bound = 1 / math.sqrt(weight.shape[1])
    with torch.no_grad():
        weight.uniform_(-bound, bound, generator=generator)
        bias.uniform_(-bound, bound, generator=generator)
