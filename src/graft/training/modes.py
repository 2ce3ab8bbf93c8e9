"""Training mode and evaluation mode, of the network and of the optimizer: the only switch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from graft.network import Network
from graft.plan import Plan, set_training_mode

# After this many batches an average of BatchNorm's statistics has settled (the schedule-free
# authors' advice for their optimizer).
STATISTICS_BATCHES = 50


@dataclass(slots=True)
class Modes:
    """Puts a phase's network and optimizer into either mode.

    A schedule-free optimizer trains one set of weights and answers with another, their average
    (Defazio et al. 2024, equations 1 to 3). Running statistics of BatchNorm belong to the weights
    in training; for the average they are taken anew.

    Attributes:
        plan: Which blocks train, and the norm-layer policy.
        network: The network.
        optimizer: Over everything that trains.
        suffix: What eats the inputs.
        inputs: A new iterator over training inputs, for BatchNorm's statistics.
    """

    plan: Plan
    network: Network
    optimizer: Optimizer
    suffix: nn.Module
    inputs: Callable[[], Iterable[Tensor]]

    def train(self) -> None:
        """Ready for steps; idempotent."""
        set_training_mode(self.plan, self.network)
        if _averages(self.optimizer):
            self.optimizer.train()  # type: ignore[attr-defined]

    def evaluate(self) -> None:
        """Ready for validation, copies and saving; idempotent."""
        averaging = _averages(self.optimizer) and self.optimizer.param_groups[0]["train_mode"]
        if averaging:
            self.optimizer.eval()  # type: ignore[attr-defined]
            set_training_mode(self.plan, self.network)
            retake_statistics(self.network, self.suffix, self.inputs())
        self.network.eval()


def _averages(optimizer: Optimizer) -> bool:
    return "train_mode" in optimizer.defaults


@torch.no_grad()
def retake_statistics(network: nn.Module, suffix: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Replace the statistics of BatchNorm layers in training mode by means over some batches.

    Args:
        network: Its layers in training mode are changed, the others left alone.
        suffix: What eats the inputs.
        inputs: Batches of them, of which the first 50 are used.
    """
    live = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    live = [module for module in live if module.track_running_stats]
    if not live:
        return
    momenta = [module.momentum for module in live]
    for module in live:
        module.reset_running_stats()
        module.momentum = None  # a cumulative mean
    for batch in islice(inputs, STATISTICS_BATCHES):
        suffix(batch)
    for module, momentum in zip(live, momenta, strict=True):
        module.momentum = momentum
