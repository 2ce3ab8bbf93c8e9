"""A scenario decides which data and which loss arrive. It never sees which weights move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

from graft.data.targets import unpack
from graft.objectives import LossSettings, Objective, build_objective
from graft.training.stage import StageData
from graft.types import Targets, Task


@dataclass(frozen=True, slots=True)
class Problem:
    """What a scenario is given.

    Attributes:
        data: Training and validation rows with their targets.
        tasks: What each label column asks for.
        losses: The user's choices about losses.
        balance: How the losses of several tasks are put together, a name of
            `graft.objectives.BALANCES`.
        epochs: The user's number of epochs, or None.
    """

    data: StageData
    tasks: tuple[Task, ...]
    losses: LossSettings = field(default_factory=LossSettings)
    balance: str = "start"
    epochs: int | None = None

    def objectives(self) -> list[Objective]:
        """The objective of each task, from its training rows."""
        columns = unpack(self.tasks, self.known())
        return [
            build_objective(task, column, self.losses)
            for task, column in zip(self.tasks, columns, strict=True)
        ]

    def known(self) -> Targets:
        """The targets of the training rows."""
        return self.data.targets[self.data.train]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of data and loss.

    Attributes:
        name: What the result calls it.
        data: The rows.
        objective: The losses.
        epochs: Epochs of a phase with share 1, or None to choose.
    """

    name: str
    data: StageData
    objective: Objective
    epochs: int | None


class Scenario(ABC):
    """A generator of stages; code after a `yield` runs when that stage is over."""

    @abstractmethod
    def stages(self, problem: Problem) -> Iterator[Stage]:
        """The stages, in order.

        Raises:
            UserError: The scenario does not fit the problem.
        """
