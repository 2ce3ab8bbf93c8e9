"""Multi-task: several label columns of any kind on one backbone, learnt together."""

from __future__ import annotations

from collections.abc import Iterator

from graft.objectives import build_several
from graft.scenarios.base import Problem, Scenario, Stage


class MultiTask(Scenario):
    """One stage: all rows that have at least one label, and the balanced mean of the tasks' losses.

    Each task's loss is the mean over the rows that are labelled for it. With a frozen backbone the
    tasks share nothing that trains, so each is learnt as in a run of its own; what they gain or
    lose by each other shows where blocks of the backbone train. A single column is learnt by its
    own loss.
    """

    def stages(self, problem: Problem) -> Iterator[Stage]:
        """The one stage."""
        each = problem.objectives()
        objective = (
            each[0]
            if len(each) == 1
            else build_several(problem.balance, problem.tasks, each, problem.known())
        )
        yield Stage("multi-task", problem.data, objective, problem.epochs)
