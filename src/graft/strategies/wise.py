"""WiSE-FT: a mixture of the pretrained and the fine-tuned weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graft.network import Network
from graft.strategies.base import ContradictionError, Ending, Modifier, Phase, Weights

WITHOUT_VALIDATION = 0.5
CANDIDATES = tuple(step / 10 for step in range(11))


@dataclass(frozen=True, slots=True)
class Wise(Modifier):
    """Weight-space ensembles: theta = (1 - alpha) theta_0 + alpha theta_1, for every tensor.

    theta_1 is the fine-tuned network, theta_0 the pretrained backbone with the *probe's* head: the
    head that belongs to the pretrained features is mixed with the fine-tuned one like every other
    weight, and running statistics too. So alpha 0 is bit for bit the pretrained backbone with its
    probe, and alpha 1 the fine-tuned network. Without a setting, alpha is the one of 0, 0.1 ... 1
    with the smallest validation loss, the larger of equals; without validation rows it is 0.5, as
    the source recommends. Use it where the model will meet pictures unlike the training ones:
    mixtures keep most of fine-tuning's gain and lose less under shift.

    Source: Wortsman et al. (2022), "Robust fine-tuning of zero-shot models", section 3.
    """

    alpha: float | None = None

    def modify(self, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        """Mix when the last phase is over.

        Raises:
            ContradictionError: No block trains, or the head is not fitted before one does.
        """
        first = next((phase for phase in phases if phase.plan.trained), None)
        if first is None:
            raise ContradictionError(
                "wise mixes fine-tuned blocks with pretrained ones, and here none is fine-tuned",
                "use lp-ft+wise",
            )
        if first is phases[0]:
            raise ContradictionError(
                "wise mixes with the pretrained backbone and a head that fits it, and here "
                "training begins with a random head",
                "use lp-ft+wise",
            )
        last = replace(phases[-1], finalize=(*phases[-1].finalize, self.mix))
        return (*phases[:-1], last)

    def mix(self, ending: Ending) -> str:
        """Give the network the mixture, and say which."""
        tuned = {n: tensor.clone() for n, tensor in ending.network.state_dict().items()}
        if self.alpha is not None:
            set_mixture(ending.network, ending.origin, tuned, self.alpha)
            return f"mixed with the pretrained weights, alpha {self.alpha:g} as asked"
        if ending.score is None:
            set_mixture(ending.network, ending.origin, tuned, WITHOUT_VALIDATION)
            return f"mixed with the pretrained weights, alpha {WITHOUT_VALIDATION} (no validation)"
        losses = {}
        for alpha in reversed(CANDIDATES):
            set_mixture(ending.network, ending.origin, tuned, alpha)
            losses[alpha] = ending.score()
        best = min(losses, key=lambda alpha: losses[alpha])
        set_mixture(ending.network, ending.origin, tuned, best)
        return (
            f"mixed with the pretrained weights, alpha {best} (validation loss {losses[best]:.4g}; "
            f"pretrained {losses[0.0]:.4g}, fine-tuned {losses[1.0]:.4g})"
        )


def set_mixture(network: Network, origin: Weights, tuned: Weights, alpha: float) -> None:
    """Give the network (1 - alpha) origin + alpha tuned; at 0 and 1 the very bits."""
    present = network.state_dict()
    with torch.no_grad():
        for name, tensor in present.items():
            tensor.copy_(_mixed(origin[name], tuned[name], alpha))


def _mixed(origin: Tensor, tuned: Tensor, alpha: float) -> Tensor:
    if alpha == 0:
        return origin
    if alpha == 1 or not tuned.is_floating_point():  # a counter of batches is no weight
        return tuned
    return torch.lerp(origin, tuned, alpha)
