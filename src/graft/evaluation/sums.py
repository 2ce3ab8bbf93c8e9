"""Every figure as a function of sums over rows.

A metric that is a function of sums needs no second look at the rows: the value takes the plain
sums, a bootstrap resample takes sums weighted by how often each row was drawn, and all resamples
are one sparse matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from graft.closedform.linear import Float64Array
from graft.errors import DataError
from graft.types import FloatArray, IntArray

ECE_BINS = 15


class Sums(NamedTuple):
    """Sums over rows; the leading axis R runs over resamples.

    Attributes:
        rows: (R,) number of rows.
        loss: (R,) cross-entropy in nats.
        support: (R, C) rows of each class.
        predicted: (R, C) rows predicted as each class.
        hits: (R, C) rows of each class that were predicted as it.
        gap: (R, bins) confidence minus correctness of the rows in each confidence bin.
    """

    rows: Float64Array
    loss: Float64Array
    support: Float64Array
    predicted: Float64Array
    hits: Float64Array
    gap: Float64Array


def check(probabilities: FloatArray, targets: IntArray) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        DataError: No rows, shapes that do not fit, a target out of range, or a probability that
            is not finite or outside 0 ... 1.
    """
    if probabilities.ndim != 2 or targets.shape != probabilities.shape[:1]:
        raise DataError(
            f"Probabilities of shape {probabilities.shape} and targets of shape {targets.shape}"
            " do not belong together",
            allowed="(N, C) and (N,)",
        )
    if targets.size == 0:
        raise DataError(
            "There is not one row to evaluate", next="evaluate on data with at least one example"
        )
    classes = probabilities.shape[1]
    if targets.min() < 0 or targets.max() >= classes:
        raise DataError(
            f"Targets run from {targets.min()} to {targets.max()}",
            allowed=f"class indices 0 to {classes - 1}",
            next="leave out rows without a label",
        )
    if not (probabilities.min() >= 0 and probabilities.max() <= 1 + 1e-6):  # also false for NaN
        raise DataError("The probabilities do not lie between 0 and 1", allowed="0 to 1")


def row_losses(probabilities: FloatArray, targets: IntArray) -> Float64Array:
    """Cross-entropy of each row in nats (N,), clipped like scikit-learn's `log_loss`.

    Probabilities are clipped to `[eps, 1 - eps]`, eps the machine epsilon of their dtype.
    """
    own = probabilities[np.arange(len(targets)), targets]
    eps = np.finfo(probabilities.dtype).eps
    return -np.log(np.clip(own, eps, 1 - eps).astype(np.float64))


def confidence_bins(confidence: FloatArray, bins: int = ECE_BINS) -> IntArray:
    """The equal-width bin (N,) of each confidence: bin m holds (m/bins, (m+1)/bins]."""
    edges = np.linspace(0, 1, bins + 1)
    found = np.searchsorted(edges, confidence, side="left") - 1
    return np.clip(found, 0, bins - 1).astype(np.int64)


def indicators(probabilities: FloatArray, targets: IntArray) -> Any:
    """A sparse matrix (2 + 3C + bins, N) whose product with row weights holds all sums."""
    count, classes = probabilities.shape
    rows = np.arange(count)
    predictions = probabilities.argmax(axis=1)
    confidence = probabilities[rows, predictions].astype(np.float64)
    right = predictions == targets
    ones = np.ones(count)
    lines = [
        (np.zeros(count, dtype=np.int64), ones),
        (np.ones(count, dtype=np.int64), row_losses(probabilities, targets)),
        (2 + targets, ones),
        (2 + classes + predictions, ones),
        (2 + 2 * classes + targets, right.astype(np.float64)),
        (2 + 3 * classes + confidence_bins(confidence), confidence - right),
    ]
    values = np.concatenate([value for _, value in lines])
    places = np.concatenate([line for line, _ in lines])
    shape = (2 + 3 * classes + ECE_BINS, count)
    return sparse.csr_array((values, (places, np.tile(rows, len(lines)))), shape=shape)


def as_sums(stacked: Float64Array, classes: int) -> Sums:
    """Cut the product of `indicators` with weights (N, R), given as (2 + 3C + bins, R)."""
    by_resample = stacked.T
    parts = np.split(by_resample[:, 2:], [classes, 2 * classes, 3 * classes], axis=1)
    return Sums(by_resample[:, 0], by_resample[:, 1], *parts)


def plain_sums(probabilities: FloatArray, targets: IntArray) -> Sums:
    """The sums over all rows, R = 1."""
    check(probabilities, targets)
    product = indicators(probabilities, targets) @ np.ones((len(targets), 1))
    return as_sums(product, probabilities.shape[1])


def ratio(numerator: Float64Array, denominator: Float64Array) -> Float64Array:
    """Division with NaN where the denominator is zero."""
    blank = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=blank, where=denominator > 0))


def class_recall(sums: Sums) -> Float64Array:
    """(R, C); NaN for a class without rows."""
    return ratio(sums.hits, sums.support)


def class_precision(sums: Sums) -> Float64Array:
    """(R, C); NaN for a class that was never predicted."""
    return ratio(sums.hits, sums.predicted)


def class_f1(sums: Sums) -> Float64Array:
    """(R, C); NaN for a class that neither occurs nor was predicted."""
    return ratio(2 * sums.hits, sums.support + sums.predicted)


def accuracy(sums: Sums) -> Float64Array:
    """(R,) share of rows that are right."""
    return ratio(sums.hits.sum(axis=1), sums.rows)


def balanced_accuracy(sums: Sums) -> Float64Array:
    """(R,) mean recall of the classes that occur."""
    return np.asarray(np.nanmean(class_recall(sums), axis=1))


def macro_f1(sums: Sums) -> Float64Array:
    """(R,) mean F1 of the classes that occur or were predicted."""
    return np.asarray(np.nanmean(class_f1(sums), axis=1))


def log_loss(sums: Sums) -> Float64Array:
    """(R,) mean cross-entropy in nats."""
    return ratio(sums.loss, sums.rows)


def ece(sums: Sums) -> Float64Array:
    """(R,) expected calibration error."""
    return ratio(np.abs(sums.gap).sum(axis=1), sums.rows)


FIGURES: dict[str, Callable[[Sums], Float64Array]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "log_loss": log_loss,
    "ece": ece,
}
