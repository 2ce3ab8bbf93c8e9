"""Metrics of probabilities (N, C) against class indices (N,), equal to scikit-learn's.

The prediction is the class of the highest probability, the first among equals.
"""

from __future__ import annotations

from collections.abc import Callable

from graft.evaluation import sums
from graft.types import FloatArray, IntArray


def accuracy(probabilities: FloatArray, targets: IntArray) -> float:
    """The share of rows whose prediction is right.

    >>> import numpy as np
    >>> accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]))
    0.5

    Raises:
        DataError: As `graft.evaluation.sums.check` says; so do all metrics.
    """
    return float(sums.accuracy(sums.plain_sums(probabilities, targets))[0])


def balanced_accuracy(probabilities: FloatArray, targets: IntArray) -> float:
    """The mean recall over the classes that occur in the targets."""
    return float(sums.balanced_accuracy(sums.plain_sums(probabilities, targets))[0])


def macro_f1(probabilities: FloatArray, targets: IntArray) -> float:
    """The mean F1 over the classes that occur in the targets or in the predictions."""
    return float(sums.macro_f1(sums.plain_sums(probabilities, targets))[0])


def log_loss(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean cross-entropy in nats, clipped to the machine epsilon of the probabilities' dtype."""
    return float(sums.log_loss(sums.plain_sums(probabilities, targets))[0])


def ece(probabilities: FloatArray, targets: IntArray) -> float:
    """Expected calibration error with 15 bins of equal width (Guo et al. 2017, eq. 3).

    `sum_m |B_m| / N * |acc(B_m) - conf(B_m)|`, where bin m holds the rows whose highest
    probability lies in ((m-1)/15, m/15].
    """
    return float(sums.ece(sums.plain_sums(probabilities, targets))[0])


METRICS: dict[str, Callable[[FloatArray, IntArray], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "log_loss": log_loss,
    "ece": ece,
}
