"""What frozen features are worth for one task, by kind, every row judged without itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from graft.closedform import (
    fit_ridge,
    h_score,
    knn_leave_one_out,
    knn_means,
    logme,
    logme_of_columns,
    quantities_left_out,
)
from graft.closedform.linear import Float64Array
from graft.data.targets import QUANTILES
from graft.tasks import TASK_KINDS, Answered
from graft.types import FloatArray, Kind, Targets, Task


@dataclass(frozen=True, eq=False, slots=True)
class KindScores:
    """How a kind of task is scored. Features are (N, D), targets as `graft.data.targets.unpack`.

    Attributes:
        neighbours: Answers (N, C) of each row's nearest neighbours.
        ridge: Answers (N, C) of ridge regression that is fitted without the row.
        logme: Log evidence per row.
        h_score: Shrunk H-score.
    """

    neighbours: Callable[[FloatArray, Task, Targets], FloatArray]
    ridge: Callable[[FloatArray, Task, Targets], FloatArray]
    logme: Callable[[FloatArray, Task, Targets], float]
    h_score: Callable[[FloatArray, Task, Targets], float]


def ridge_gains(features: FloatArray, task: Task, targets: Targets) -> Float64Array:
    """(N,) what each row gains by ridge regression without it, at the best penalty."""
    return gains_of(KIND_SCORES[task.kind].ridge(features, task, targets), task, targets)


def gains_of(answers: FloatArray, task: Task, targets: Targets) -> Float64Array:
    """(N,) what each row gains by these answers (N, C)."""
    return TASK_KINDS[task.kind].gains(Answered(task, answers, targets))


def _class_neighbours(features: FloatArray, task: Task, targets: Targets) -> FloatArray:
    return knn_leave_one_out(features, targets, len(task.labels))


def _class_ridge(features: FloatArray, task: Task, targets: Targets) -> FloatArray:
    path = fit_ridge(features, targets, len(task.labels))
    return np.eye(len(task.labels))[targets] - path.residuals(path.best)


def _class_logme(features: FloatArray, task: Task, targets: Targets) -> float:
    return logme(features, targets, len(task.labels))


def _class_h_score(features: FloatArray, task: Task, targets: Targets) -> float:
    return h_score(features, targets, len(task.labels))


def _columns(targets: Targets) -> Float64Array:
    """(N, K) labels or one quantity."""
    return np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)


def _column_neighbours(features: FloatArray, task: Task, targets: Targets) -> FloatArray:  # noqa: ARG001 - of the table
    return knn_means(features, _columns(targets), features, leave_one_out=True)


def _column_ridge(features: FloatArray, task: Task, targets: Targets) -> FloatArray:  # noqa: ARG001 - of the table
    return quantities_left_out(features, _columns(targets))


def _label_logme(features: FloatArray, task: Task, targets: Targets) -> float:  # noqa: ARG001 - of the table
    """Labels that all rows bear, or none, are left out, as absent classes are."""
    varying = targets[:, targets.std(axis=0) > 0]
    return logme_of_columns(features, varying) if varying.shape[1] else 0.0


def _quantity_logme(features: FloatArray, task: Task, targets: Targets) -> float:  # noqa: ARG001 - of the table
    """Of the standardised quantity, so that its unit does not matter."""
    centred = _columns(targets - targets.mean())
    return logme_of_columns(features, centred / (centred.std() or 1.0))


def _label_h_score(features: FloatArray, task: Task, targets: Targets) -> float:  # noqa: ARG001 - of the table
    """The mean over labels of that of two classes."""
    found = [h_score(features, column.astype(np.int64), 2) for column in targets.T]
    return float(np.mean(found))


def _quantity_h_score(features: FloatArray, task: Task, targets: Targets) -> float:  # noqa: ARG001 - of the table
    """That of the quantity cut into tenths, as splits cut it."""
    edges = np.unique(np.quantile(targets, np.linspace(0, 1, QUANTILES + 1)[1:-1]))
    parts = np.searchsorted(edges, targets, side="right").astype(np.int64)
    return h_score(features, parts, QUANTILES)


CLASSES = KindScores(_class_neighbours, _class_ridge, _class_logme, _class_h_score)
KIND_SCORES: Mapping[Kind, KindScores] = MappingProxyType(
    {
        "classification": CLASSES,
        "ordinal": CLASSES,
        "multi-label": KindScores(_column_neighbours, _column_ridge, _label_logme, _label_h_score),
        "regression": KindScores(
            _column_neighbours, _column_ridge, _quantity_logme, _quantity_h_score
        ),
    }
)
