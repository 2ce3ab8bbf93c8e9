"""One call for everything a report says about a set of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.evaluation.calibration import ReliabilityBin, reliability
from graft.evaluation.intervals import bootstrap
from graft.evaluation.tables import ClassRow, confusion, per_class
from graft.types import FloatArray, IntArray, Interval, Json


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known about predictions on one set.

    Attributes:
        count: Rows.
        metrics: Metric name -> figure with interval.
        per_class: One row a class, in label order.
        confusion: (C, C) counts, rows are true classes.
        reliability: Bins of confidence against accuracy.
    """

    count: int
    metrics: dict[str, Interval]
    per_class: tuple[ClassRow, ...]
    confusion: IntArray
    reliability: tuple[ReliabilityBin, ...]

    def to_dict(self) -> Json:
        """JSON values without NaN: a figure that is undefined is null (see `ClassRow`)."""
        return {
            "count": self.count,
            "metrics": {name: figure.to_dict() for name, figure in self.metrics.items()},
            "per_class": [row.to_dict() for row in self.per_class],
            "confusion": self.confusion.tolist(),
            "reliability": [row.to_dict() for row in self.reliability],
        }


def evaluate(
    probabilities: FloatArray,
    targets: IntArray,
    labels: Sequence[str],
    *,
    groups: IntArray | None = None,
    seed: int = 0,
) -> Evaluation:
    """Metrics with intervals, the table of classes, the confusion matrix and the calibration.

    Args:
        probabilities: (N, C), rows sum to one.
        targets: (N,) class indices.
        labels: C names.
        groups: (N,) group numbers: rows of one group are not independent (`bootstrap`).
        seed: Of the resampling.

    Raises:
        DataError: No rows, shapes or labels that do not fit, or values out of range.

    >>> import numpy as np
    >>> found = evaluate(np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([0, 1]), ["cat", "dog"])
    >>> found.metrics["accuracy"].value, found.confusion.tolist()
    (1.0, [[1, 0], [0, 1]])
    """
    return Evaluation(
        count=len(targets),
        metrics=bootstrap(probabilities, targets, groups=groups, seed=seed),
        per_class=per_class(probabilities, targets, labels, groups=groups, seed=seed),
        confusion=confusion(probabilities, targets),
        reliability=reliability(probabilities, targets),
    )
