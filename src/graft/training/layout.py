"""How a batch of maps lies in memory."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from graft.bank.inputs import Transform

MOST_WEIGHTS = 2**24


def suits_channels_last(module: nn.Module) -> bool:
    """Whether a network trains faster on maps whose channels lie side by side.

    Networks of convolutions do: on two CPU cores a step of MobileNet or EfficientNet takes 0.7 of
    the time, one of ResNet 0.8 to 1.0. VGG does not, whose first dense layer is a convolution of
    7 x 7: its 10**8 weights would be laid out anew in every step. Transformers have at most one
    convolution, and nothing to gain.
    """
    weights = [part.weight.numel() for part in module.modules() if isinstance(part, nn.Conv2d)]
    return len(weights) > 1 and max(weights) <= MOST_WEIGHTS


def channels_last(transform: Transform | None) -> Transform:
    """A transform whose maps (B, C, H, W) have their channels side by side in memory."""

    def laid_out(inputs: Tensor, generator: Generator) -> Tensor:
        found = inputs if transform is None else transform(inputs, generator)
        return found.contiguous(memory_format=torch.channels_last) if found.ndim == 4 else found

    return laid_out
