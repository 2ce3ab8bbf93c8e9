"""The best weights of a phase so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
    temperature: float = 1.0

    def offer(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Keep the present weights if they are finite and better than all before.

        They are judged by the loss at the best temperature where that is known: fine-tuning on few
        rows makes a network surer than it should be long before it makes it worse, and one number
        puts that right.
        """
        loss = scores.get("tempered", scores.get("loss"))
        if loss is not None and not loss < self.loss:  # also where it is NaN
            return
        if self.finite():
            self.epoch = epoch
            if loss is not None:
                self.loss, self.weights = loss, self.take()
                self.temperature = scores.get("temperature", 1.0)

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
        found = {"loss": self.loss, "epoch": self.epoch, "weights": self.weights}
        return {**found, "temperature": self.temperature}

    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self.loss, self.epoch, self.weights = state["loss"], state["epoch"], state["weights"]
        self.temperature = state["temperature"]
