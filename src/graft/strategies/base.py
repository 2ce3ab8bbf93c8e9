"""Part 4, the fine-tuning strategy: which weights move, and how. It never sees data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graft.plan import Plan

Solver = Literal["exact", "gradient"]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of training with one plan and one optimizer.

    Attributes:
        name: What the history and the report call it.
        plan: Which blocks train.
        solver: `exact` solves a linear head in closed form or by L-BFGS and falls back to
            gradient descent where there is no exact solution; `gradient` runs epochs.
        share: Share of the stage's epochs.
        lr: Learning rate when the user gives none, for AdamW and a convolutional backbone;
            `graft.training.rates` fits it to other optimizers and families.
        fixed_lr: Whether the rate holds for every family, as where new tensors train and the
            backbone's own do not.
        keep_start: Whether the weights at the start compete with every epoch's on validation.
    """

    name: str
    plan: Plan
    solver: Solver
    share: float = 1.0
    lr: float = 1e-3
    keep_start: bool = False
    fixed_lr: bool = False


class Strategy(ABC):
    """Divides a stage into phases."""

    @abstractmethod
    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """The phases for a backbone with these blocks, depth 0 first.

        Raises:
            UnknownNameError: The strategy's setting does not fit this backbone.
        """
