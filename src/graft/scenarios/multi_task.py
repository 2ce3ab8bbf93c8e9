"""Multi-task: several label columns of any kind on one backbone, learnt together."""

from __future__ import annotations

from collections.abc import Iterator

from graft.objectives import build_several
from graft.scenarios.base import Problem, Scenario, Stage


class MultiTask(Scenario):
    """One stage: all rows that have at least one label, and the balanced mean of the tasks' losses.

    Each task's loss is the mean over the rows that are labelled for it. With a frozen backbone the
    tasks share nothing that trains, so each is learnt as in a run of its own; what they gain or
    lose by each other shows where blocks of the backbone train.
    """

    def stages(self, problem: Problem) -> Iterator[Stage]:
        """The one stage."""
        objective = build_several(
            problem.balance, problem.tasks, problem.objectives(), problem.known()
        )
        yield Stage("multi-task", problem.data, objective, problem.epochs)
