"""What a kind of task must know: how its outputs are read, measured, told and compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

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
    """

    main: str
    higher_is_better: bool = True

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

    @abstractmethod
    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """Whether the answers are better than a baseline's (N, C): `helps`, `against`,
        `difference` and `message`."""

    @abstractmethod
    def row(self, task: Task, answers: FloatArray) -> Json:
        """What is told of one row's answers (C,)."""

    @abstractmethod
    def unread(self) -> Json:
        """The same keys for a row that could not be read."""

    @abstractmethod
    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """The worst answers, the worst first: row number and what to tell of it."""
