"""Standard: one labelled data set, learnt at once."""

from __future__ import annotations

from collections.abc import Iterator

from graft.objectives import Classification
from graft.scenarios.base import Problem, Scenario, Stage


class Standard(Scenario):
    """One stage: all training rows, cross-entropy."""

    def stages(self, problem: Problem) -> Iterator[Stage]:
        """The one stage."""
        objective = Classification(
            problem.classes, weights=problem.weights(), label_smoothing=problem.label_smoothing
        )
        yield Stage("standard", problem.data, objective, problem.epochs)
