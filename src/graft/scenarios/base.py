"""A scenario decides which data and which loss arrive. It never sees which weights move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graft.objectives import Objective, class_weights
from graft.training.stage import StageData
from graft.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Problem:
    """What a scenario is given.

    Attributes:
        data: Training and validation rows with their targets.
        classes: How many classes there are.
        class_weights: Policy for imbalance, a name of `graft.objectives.CLASS_WEIGHTS`.
        label_smoothing: Share of the target spread over all classes.
        epochs: The user's number of epochs, or None.
    """

    data: StageData
    classes: int
    class_weights: str = "auto"
    label_smoothing: float = 0.0
    epochs: int | None = None

    def weights(self) -> FloatArray | None:
        """(C,) class weights from the training rows."""
        counts: IntArray = np.bincount(
            self.data.targets[self.data.train], minlength=self.classes
        ).astype(np.int64)
        return class_weights(self.class_weights, counts)


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
        """The stages, in order."""
