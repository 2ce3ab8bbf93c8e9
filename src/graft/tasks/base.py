"""What a kind of task must know: how its outputs are read, measured, told and compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from graft.closedform.linear import Float64Array
from graft.types import FloatArray, IntArray, Json, Targets, Task

MOST_ERRORS = 12


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows of a data set with what a model answers for one task.

    Attributes:
        task: The task.
        answers: (N, C) probabilities, or numbers.
        targets: (N,) class indices, (N, L) labels or (N,) numbers; all rows are labelled.
        groups: (N,) group numbers, or None.
        seed: Of the bootstrap.
    """

    task: Task
    answers: FloatArray
    targets: Targets
    groups: IntArray | None = None
    seed: int = 0


class TaskKind(ABC):
    """A kind of task. It knows nothing of pictures or texts, nor of training.

    Attributes:
        main: The metric that stands for all others.
        higher_is_better: The direction in which it improves.
        chosen_by: The figure by which models are chosen, a mean over rows.
    """

    main: str
    higher_is_better: bool = True
    chosen_by: str = "r2"

    @abstractmethod
    def answers(self, outputs: FloatArray) -> FloatArray:
        """Outputs of the network (N, C) as answers (N, C)."""

    @abstractmethod
    def evaluate(self, rows: Answered) -> Json:
        """`count`, `metrics` with intervals, and the tables of this kind.

        Raises:
            DataError: No rows, or values that are out of range.
        """

    @abstractmethod
    def constant(self, task: Task, targets: Targets, rows: int) -> tuple[str, FloatArray]:
        """The name and the answers (rows, C) of what does not look at the input."""

    @abstractmethod
    def neighbours(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Answers (M, C) of the nearest training rows, for features (M, D)."""

    @abstractmethod
    def linear(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Answers (M, C) of the exact linear model of features (N, D), for features (M, D)."""

    def small_pictures(
        self, task: Task, pixels: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Answers (M, C) learnt from pixels (N, D) alone, for pixels (M, D)."""
        return self.linear(task, pixels, targets, wanted)

    @abstractmethod
    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """Whether the answers are better than a baseline's (N, C): `helps`, `against`,
        `difference` and `message`."""

    @abstractmethod
    def gains(self, rows: Answered) -> Float64Array:
        """(N,) what each row adds to the figure `chosen_by`, which is their mean."""

    @abstractmethod
    def row(self, task: Task, answers: FloatArray) -> Json:
        """What is told of one row's answers (C,)."""

    @abstractmethod
    def unread(self) -> Json:
        """The same keys for a row that could not be read."""

    @abstractmethod
    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """The worst answers, the worst first: row number and what to tell of it."""


def explained(answers: FloatArray, targets: FloatArray) -> Float64Array:
    """(N,) `1 - (t - a)^2 / var(t)`, the mean over columns: its mean over rows is R squared.

    Columns that do not vary say nothing and are left out; without any other, all rows have 0.

    Args:
        answers: (N, K).
        targets: (N, K).

    >>> explained(np.array([[1.0], [1.0]]), np.array([[0.0], [2.0]])).tolist()
    [0.0, 0.0]
    """
    variance = targets.var(axis=0)
    kept = variance > 0
    if not kept.any():
        return np.zeros(len(targets))
    squared = (targets[:, kept] - answers[:, kept]) ** 2 / variance[kept]
    return np.asarray(1 - squared.mean(axis=1), dtype=np.float64)
