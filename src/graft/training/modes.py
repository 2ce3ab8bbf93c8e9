"""Training mode and evaluation mode, of the network and of the optimizer: the only switch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from graft.network import Network
from graft.plan import Plan, set_training_mode
from graft.statistics import retake_statistics
from graft.training.average import Average


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
        average: Of the weights, which answers in their place, if there is one.
    """

    plan: Plan
    network: Network
    optimizer: Optimizer
    suffix: nn.Module
    inputs: Callable[[], Iterable[Tensor]]
    average: Average | None = None

    def train(self) -> None:
        """Ready for steps; idempotent."""
        if self.average:
            self.average.hide()
        set_training_mode(self.plan, self.network)
        if _averages(self.optimizer):
            self.optimizer.train()  # type: ignore[attr-defined]

    def begin_again(self) -> None:
        """Training mode after weights went back: an average forgets what it has seen."""
        if self.average:
            self.average.restart()
        self.train()

    def evaluate(self) -> None:
        """Ready for validation, copies and saving; idempotent."""
        averaging = _averages(self.optimizer) and self.optimizer.param_groups[0]["train_mode"]
        if averaging:
            self.optimizer.eval()  # type: ignore[attr-defined]
            set_training_mode(self.plan, self.network)
            retake_statistics(self.network, self.suffix, self.inputs())
        if self.average:
            self.average.show()
        self.network.eval()


def _averages(optimizer: Optimizer) -> bool:
    return "train_mode" in optimizer.defaults
