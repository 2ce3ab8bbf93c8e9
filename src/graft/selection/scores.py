"""What frozen features are worth for some labels, without training anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graft.closedform.linear import Float64Array
from graft.data.targets import is_labelled, unpack
from graft.errors import DataError
from graft.evaluation.intervals import Z, wilson
from graft.selection.task_scores import KIND_SCORES, gains_of, ridge_gains
from graft.tasks.several import over_tasks
from graft.types import FloatArray, IntArray, Interval, Json, Targets, Task

SCORES = ("knn", "ridge", "logme", "h_score")


@dataclass(frozen=True, eq=False, slots=True)
class FeatureScores:
    """How well features answer the tasks; higher is better for each, the mean over tasks.

    Attributes:
        knn: Leave-one-out figure of the nearest neighbours, with its interval: the accuracy of
            one class a row, else the share of variance explained (`graft.tasks.several.chosen_by`).
        ridge: The same of ridge regression at its best penalty.
        logme: Log evidence per row.
        h_score: Shrunk H-score.
        gains: (N,) what each row adds to `ridge`, fitted without it.
    """

    knn: Interval
    ridge: Interval
    logme: float
    h_score: float
    gains: Float64Array

    def values(self) -> dict[str, float]:
        """The four figures by name, in the order of `SCORES`."""
        figures = (self.knn.value, self.ridge.value, self.logme, self.h_score)
        return dict(zip(SCORES, figures, strict=True))

    def to_dict(self) -> Json:
        """The four figures as JSON values, the first two with their intervals."""
        return {
            "knn": self.knn.to_dict(),
            "ridge": self.ridge.to_dict(),
            "logme": self.logme,
            "h_score": self.h_score,
        }


@dataclass(frozen=True, eq=False, slots=True)
class _Known:
    """One task with the rows that are labelled for it."""

    task: Task
    targets: Targets
    rows: IntArray


def score_features(features: FloatArray, tasks: Sequence[Task], targets: Targets) -> FeatureScores:
    """Score features (N, D) for targets of N rows, as `graft.data.targets` has them.

    Nearest neighbours stand first because in the largest comparison so far no transferability
    score beat them throughout, and they cost less (arXiv 2503.18528).

    Raises:
        DataError: A feature is not finite, or no task has two labelled rows.
    """
    if not np.isfinite(features).all():
        raise DataError(
            "The backbone's features are not all finite", next="choose another --backbone"
        )
    known = _known(tasks, targets)
    if not known:
        raise DataError(
            "There is one row to compare backbones on",
            allowed="at least two rows outside the test part",
            next="add examples",
        )

    def neighbour_gains(own: FloatArray, task: Task, column: Targets) -> Float64Array:
        return gains_of(KIND_SCORES[task.kind].neighbours(own, task, column), task, column)

    def mean(scores: list[float]) -> float:
        return float(np.mean(scores))

    ridge = _gains(known, features, ridge_gains)
    own = [(features[each.rows], each.task, each.targets) for each in known]
    return FeatureScores(
        share(_gains(known, features, neighbour_gains)),
        share(ridge),
        mean([KIND_SCORES[task.kind].logme(x, task, y) for x, task, y in own]),
        mean([KIND_SCORES[task.kind].h_score(x, task, y) for x, task, y in own]),
        ridge,
    )


def require_scores(tasks: Sequence[Task]) -> None:
    """Choices need a figure of frozen features, which not every kind of task has.

    Raises:
        DataError: One of the tasks has none.
    """
    for task in tasks:
        if task.kind not in KIND_SCORES:
            raise DataError(
                f"Ranking, --budget and --compare cannot judge {task.kind}",
                allowed=", ".join(KIND_SCORES),
                next="leave the option out",
            )


def ridge_over_tasks(features: FloatArray, tasks: Sequence[Task], targets: Targets) -> Float64Array:
    """(N,) what each row gains by ridge regression without it, over all tasks."""
    return _gains(_known(tasks, targets), features, ridge_gains)


def _known(tasks: Sequence[Task], targets: Targets) -> list[_Known]:
    """The tasks that have at least two labelled rows."""
    found = []
    for task, column in zip(tasks, unpack(tasks, targets), strict=True):
        rows = np.flatnonzero(is_labelled(task, column))
        if len(rows) > 1:
            found.append(_Known(task, column[rows], rows))
    return found


def _gains(
    known: Sequence[_Known],
    features: FloatArray,
    gains: Callable[[FloatArray, Task, Targets], Float64Array],
) -> Float64Array:
    parts = [(gains(features[k.rows], k.task, k.targets), k.rows) for k in known]
    return over_tasks(parts, len(features))


def share(gains: Float64Array) -> Interval:
    """The mean with its 95 % interval: Wilson's where each row is right or wrong, else the normal.

    >>> found = share(np.array([1.0, 1.0, 0.0, 1.0]))
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.75, 0.301, 0.954)
    """
    value, count = float(gains.mean()), len(gains)
    if np.isin(gains, (0, 1)).all():
        return Interval(value, *wilson(value, count))
    half = Z * float(gains.std()) / count**0.5
    return Interval(value, value - half, value + half)


def mean_ranks(scores: list[dict[str, float]]) -> list[float]:
    """The mean over the scores of each candidate's place, 1 for the highest; ties share places.

    >>> mean_ranks([{"a": 0.9, "b": 1.0}, {"a": 0.5, "b": 1.0}])
    [1.25, 1.75]
    """
    from scipy.stats import rankdata

    if not scores:
        return []
    places = [rankdata([-candidate[name] for candidate in scores]) for name in scores[0]]
    return [float(np.mean(column)) for column in zip(*places, strict=True)]
