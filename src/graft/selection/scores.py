"""What frozen features are worth for some labels, without training anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graft.closedform import fit_ridge, h_score, knn_leave_one_out, logme
from graft.errors import DataError
from graft.evaluation.intervals import wilson
from graft.types import FloatArray, IntArray, Interval, Json

BoolArray = npt.NDArray[np.bool_]
SCORES = ("knn", "ridge", "logme", "h_score")


@dataclass(frozen=True, eq=False, slots=True)
class FeatureScores:
    """How well features tell the classes apart; higher is better for each.

    Attributes:
        knn: Leave-one-out accuracy of the nearest neighbours, with Wilson's interval.
        ridge: Leave-one-out accuracy of ridge regression at its best penalty.
        logme: Log evidence per row.
        h_score: Shrunk H-score.
        right: (N,) rows that ridge regression gets right when it is fitted without them.
    """

    knn: Interval
    ridge: Interval
    logme: float
    h_score: float
    right: BoolArray

    def values(self) -> dict[str, float]:
        """The four figures by name, in the order of `SCORES`."""
        figures = (self.knn.value, self.ridge.value, self.logme, self.h_score)
        return dict(zip(SCORES, figures, strict=True))

    def to_dict(self) -> Json:
        """The four figures as JSON values, accuracies with their intervals."""
        return {
            "knn": self.knn.to_dict(),
            "ridge": self.ridge.to_dict(),
            "logme": self.logme,
            "h_score": self.h_score,
        }


def score_features(features: FloatArray, targets: IntArray, classes: int) -> FeatureScores:
    """Score features (N, D) for targets (N,).

    Nearest neighbours stand first because in the largest comparison so far no transferability
    score beat them throughout, and they cost less (arXiv 2503.18528).

    Raises:
        DataError: A feature is not finite, or there are fewer than two rows.
    """
    if not np.isfinite(features).all():
        raise DataError(
            "The backbone's features are not all finite", next="choose another --backbone"
        )
    if len(targets) < 2:
        raise DataError(
            "There is one row to compare backbones on",
            allowed="at least two rows outside the test part",
            next="add pictures",
        )
    neighbours = knn_leave_one_out(features, targets, classes).argmax(axis=1) == targets
    right = ridge_right(features, targets, classes)
    return FeatureScores(
        share(neighbours),
        share(right),
        logme(features, targets, classes),
        h_score(features, targets, classes),
        right,
    )


def ridge_right(features: FloatArray, targets: IntArray, classes: int) -> BoolArray:
    """(N,) which rows ridge regression at its best penalty gets right without having seen them."""
    path = fit_ridge(features, targets, classes)
    predicted = np.eye(classes)[targets] - path.residuals(path.best)
    return np.asarray(predicted.argmax(axis=1) == targets)


def share(right: BoolArray) -> Interval:
    """The share of rows that are right, with Wilson's 95 % interval.

    >>> found = share(np.array([True, True, False, True]))
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.75, 0.301, 0.954)
    """
    value = float(right.mean())
    return Interval(value, *wilson(value, len(right)))


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
