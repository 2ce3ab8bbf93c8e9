"""The same questions for all tasks of a network: each is asked of its own outputs and rows.

With one task the answer is that task's; with several it is nested by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graft.closedform.linear import Float64Array
from graft.data.targets import is_labelled, unpack
from graft.tasks import TASK_KINDS, Answered, TaskKind
from graft.types import FloatArray, IntArray, Json, Targets, Task, slices

Tasks = Sequence[Task]


def kind_of(task: Task) -> TaskKind:
    """What its kind knows."""
    return TASK_KINDS[task.kind]


def task_name(tasks: Tasks) -> str:
    """What the result calls the whole: a kind, or `multi-task`.

    >>> task_name([Task()]), task_name([Task(), Task("regression")])
    ('classification', 'multi-task')
    """
    return tasks[0].kind if len(tasks) == 1 else "multi-task"


def chosen_by(tasks: Tasks) -> str:
    """The figure by which models are chosen: one for all tasks, or the mean of several.

    >>> chosen_by([Task()]), chosen_by([Task(), Task("regression")])
    ('accuracy', 'mean of accuracy and r2')
    """
    names = dict.fromkeys(kind_of(task).chosen_by for task in tasks)
    return " and ".join(names) if len(names) == 1 else f"mean of {' and '.join(names)}"


def one_of_classes(outputs: int) -> tuple[Task, ...]:
    """One task of so many classes, whose names do not matter."""
    return (Task(labels=tuple(map(str, range(outputs)))),)


def answers_of(tasks: Tasks, outputs: FloatArray) -> FloatArray:
    """Outputs of the network (N, C) as answers (N, C)."""
    places = slices(task.outputs for task in tasks)
    parts = [kind_of(t).answers(outputs[:, place]) for t, place in zip(tasks, places, strict=True)]
    return np.concatenate(parts, axis=1)


def row_of(tasks: Tasks, answers: FloatArray | None) -> Json:
    """What is told of one row's answers (C,); None stands for a row that could not be read."""
    places = slices(task.outputs for task in tasks)
    told = [
        kind_of(task).unread() if answers is None else kind_of(task).row(task, answers[place])
        for task, place in zip(tasks, places, strict=True)
    ]
    if len(tasks) == 1:
        return told[0]
    return {"tasks": {task.name: found for task, found in zip(tasks, told, strict=True)}}


@dataclass(frozen=True, slots=True)
class Held:
    """Rows with their answers for all tasks.

    Attributes:
        tasks: T tasks.
        answers: (N, C) of all tasks.
        targets: Of these rows, as `graft.data.targets` says.
        groups: (N,) group numbers, or None.
        seed: Of the bootstrap.
    """

    tasks: tuple[Task, ...]
    answers: FloatArray
    targets: Targets
    groups: IntArray | None = None
    seed: int = 0

    def parts(self) -> Iterator[tuple[Answered, IntArray]]:
        """Each task's labelled rows with their answers, and their numbers."""
        places = slices(task.outputs for task in self.tasks)
        columns = unpack(self.tasks, self.targets)
        for task, column, place in zip(self.tasks, columns, places, strict=True):
            rows = np.flatnonzero(is_labelled(task, column))
            groups = None if self.groups is None else self.groups[rows]
            found = Answered(task, self.answers[rows, place], column[rows], groups, self.seed)
            yield found, rows

    def evaluate(self) -> Json:
        """Metrics with intervals and tables; with several tasks `metrics` and `tasks` by column."""
        found = {
            part.task.name: kind_of(part.task).evaluate(part) if len(rows) else {"metrics": {}}
            for part, rows in self.parts()
        }
        if len(self.tasks) == 1:
            return found[self.tasks[0].name]
        return {
            "count": len(self.answers),
            "metrics": {name: each["metrics"] for name, each in found.items()},
            "tasks": {
                task.name: {**task.to_dict(), **without_metrics(found[task.name])}
                for task in self.tasks
            },
        }

    def gains(self) -> Float64Array:
        """(N,) what each row adds to `chosen_by`; see `over_tasks`."""
        found = [(kind_of(part.task).gains(part), rows) for part, rows in self.parts() if len(rows)]
        return over_tasks(found, len(self.answers))

    def figures(self) -> Json:
        """The metrics alone."""
        found: Json = self.evaluate()["metrics"]
        return found

    def verdicts(self, baseline: FloatArray, against: str) -> dict[str, Json]:
        """Task to whether it is better than a baseline's answers (N, C)."""
        places = slices(task.outputs for task in self.tasks)
        return {
            part.task.name: kind_of(part.task).verdict(part, baseline[rows, place], against)
            for (part, rows), place in zip(self.parts(), places, strict=True)
            if len(rows)
        }

    def worst(self) -> list[tuple[int, Json]]:
        """The worst answers of every task, in turn: row number and what to tell."""
        named = len(self.tasks) > 1
        found = [
            [
                (int(rows[at]), {**({"task": part.task.name} if named else {}), **told})
                for at, told in kind_of(part.task).worst(part)
            ]
            for part, rows in self.parts()
            if len(rows)
        ]
        longest = max(map(len, found), default=0)
        return [each[turn] for turn in range(longest) for each in found if turn < len(each)]


def over_tasks(parts: Sequence[tuple[Float64Array, IntArray]], count: int) -> Float64Array:
    """(N,) values whose mean is the mean over tasks of the mean over each task's own rows.

    Args:
        parts: For each task what its rows gain, and their numbers.
        count: N.

    >>> over_tasks([(np.ones(2), np.arange(2)), (np.zeros(1), np.arange(1))], 4).mean()
    np.float64(0.5)
    """
    total = np.zeros(count)
    for gains, rows in parts:
        total[rows] += gains * (count / len(rows) / len(parts))
    return total


def without_metrics(found: Json) -> Json:
    """The tables of an evaluation."""
    return {key: value for key, value in found.items() if key != "metrics"}


@dataclass(frozen=True, slots=True)
class Reference:
    """Training rows that baselines learn from.

    Attributes:
        tasks: T tasks.
        targets: Of these rows.
    """

    tasks: tuple[Task, ...]
    targets: Targets

    def constant(self, rows: int) -> dict[str, FloatArray]:
        """Answers (rows, C) that do not look at the input, by name; the names of all tasks' own
        constants in one name where there are several."""
        named = [
            kind_of(task).constant(task, column[is_labelled(task, column)], rows)
            for task, column in self._columns()
        ]
        name = named[0][0] if len(named) == 1 else "constant"
        return {name: np.concatenate([answers for _, answers in named], axis=1)}

    def neighbours(self, features: FloatArray, wanted: FloatArray) -> FloatArray:
        """Answers (M, C) of the nearest of these rows, for features (N, D) and (M, D)."""
        parts = []
        for task, column in self._columns():
            rows = is_labelled(task, column)
            parts.append(kind_of(task).neighbours(task, features[rows], column[rows], wanted))
        return np.concatenate(parts, axis=1)

    def linear(self, features: FloatArray, wanted: FloatArray) -> FloatArray:
        """Answers (M, C) of one exact linear model per task."""
        parts = []
        for task, column in self._columns():
            rows = is_labelled(task, column)
            parts.append(kind_of(task).linear(task, features[rows], column[rows], wanted))
        return np.concatenate(parts, axis=1)

    def small_pictures(self, pixels: FloatArray, wanted: FloatArray) -> FloatArray:
        """Answers (M, C) learnt from pixels (N, D) alone, for pixels (M, D)."""
        parts = []
        for task, column in self._columns():
            rows = is_labelled(task, column)
            parts.append(kind_of(task).small_pictures(task, pixels[rows], column[rows], wanted))
        return np.concatenate(parts, axis=1)

    def _columns(self) -> list[tuple[Task, Targets]]:
        return list(zip(self.tasks, unpack(self.tasks, self.targets), strict=True))
