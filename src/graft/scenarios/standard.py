"""Standard: one labelled data set, learnt at once."""

from __future__ import annotations

from collections.abc import Iterator

from graft.errors import DataError
from graft.scenarios.base import Problem, Scenario, Stage


class Standard(Scenario):
    """One stage: all training rows, and the loss of their one task."""

    def stages(self, problem: Problem) -> Iterator[Stage]:
        """The one stage.

        Raises:
            DataError: There are several label columns.
        """
        if len(problem.tasks) > 1:
            raise DataError(
                f"The scenario 'standard' learns one label column, and {len(problem.tasks)} are "
                "named",
                allowed="one label column",
                next="leave --scenario away, or say --scenario multi-task",
            )
        yield Stage("standard", problem.data, problem.objectives()[0], problem.epochs)
