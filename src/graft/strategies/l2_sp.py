"""L2-SP: a pull towards the pretrained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graft.network import Network
from graft.strategies.base import ContradictionError, Modifier, Phase, Strategy, Weights
from graft.strategies.lp_ft import LinearProbeThenFineTune

DEFAULT = 0.01


@dataclass(frozen=True, slots=True)
class L2SP(Modifier):
    """Adds `beta / 2 (|w - w0|^2 + |v|^2)` to the loss: w is what trains in the backbone, w0 its
    pretrained value, v the head's weights and biases.

    The weight decay of the backbone, a pull towards zero, is off. Use it with few examples, where
    fine-tuning forgets. The default 0.01 is the source's for the backbone; there the head has a
    strength of its own, with the same value.

    Source: Li, Grandvalet and Davoine (2018), "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks", equation 3.
    """

    beta: float = DEFAULT

    def modify(self, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        """Pull in every phase in which a block trains.

        Raises:
            ContradictionError: There is none, or its blocks train through adapters.
        """
        if not any(phase.plan.trained for phase in phases):
            raise ContradictionError(
                "l2-sp pulls blocks that train, and here none does", "use lp-ft+l2-sp"
            )
        if any(phase.attach for phase in phases):
            raise ContradictionError(
                "l2-sp pulls weights that adapters leave frozen", "leave l2-sp out, or use l2-sp"
            )
        if any(phase.penalty for phase in phases):
            raise ContradictionError("l2-sp stands there twice", "keep one of them")
        return tuple(replace(p, penalty=self.penalty) if p.plan.trained else p for p in phases)

    def penalty(self, network: Network, origin: Weights) -> Tensor:
        """The scalar, differentiable; 0 for the backbone at its pretrained weights."""
        squares = [
            (parameter - origin[name]).square().sum()
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and name.startswith("backbone.")
        ]
        squares += [parameter.square().sum() for parameter in network.head.parameters()]
        return 0.5 * self.beta * torch.stack(squares).sum()


@dataclass(frozen=True, slots=True)
class LpFtWithL2SP(Strategy):
    """Short for `lp-ft+l2-sp`; see `L2SP`."""

    beta: float = DEFAULT

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """The phases of `lp-ft`, with the pull."""
        return L2SP(self.beta).modify(LinearProbeThenFineTune().phases(blocks))
