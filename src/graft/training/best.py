"""The best weights of a phase so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from graft.errors import DivergenceError
from graft.types import Json


@dataclass(slots=True)
class Best:
    """The best weights so far, judged by the validation loss.

    Without validation nothing is compared and nothing copied: the last weights stay.
    """

    take: Callable[[], Json]
    restore: Callable[[Json], None]
    finite: Callable[[], bool]
    loss: float = math.inf
    epoch: int = 0
    weights: Json | None = None

    def offer(self, epoch: int, loss: float | None) -> None:
        """Keep the present weights if they are finite and better than all before."""
        if loss is not None and not loss < self.loss:  # also where it is NaN
            return
        if self.finite():
            self.epoch = epoch
            if loss is not None:
                self.loss, self.weights = loss, self.take()

    def put_back(self) -> None:
        """Give the model its best weights.

        Raises:
            DivergenceError: No epoch ended with weights and a validation loss that are finite.
        """
        if self.weights is not None:
            self.restore(self.weights)
        elif not (self.epoch and self.finite()):
            raise DivergenceError(
                "No epoch ended with finite weights and a finite validation loss",
                allowed="a finite loss",
                next="choose a smaller --lr",
            )

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        return {"loss": self.loss, "epoch": self.epoch, "weights": self.weights}

    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self.loss, self.epoch, self.weights = state["loss"], state["epoch"], state["weights"]
