"""Exact linear classifiers on frozen features, for the evaluation of a pretrained network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

RIDGE_GRID = np.logspace(-4, 2, 25)


@dataclass(frozen=True)
class Linear:
    """A linear classifier of raw features."""

    weight: Array  # classes x features
    bias: Array

    def predict(self, features: Array) -> Labels:
        """The most likely class of each row."""
        scores = features @ self.weight.T + self.bias
        return np.asarray(scores.argmax(1), dtype=np.int64)


def fit_ridge(features: Array, labels: Labels, classes: int) -> Linear:
    """Least squares on +-1 targets; lambda has the smallest leave-one-out error.

    Features are centred and divided by one number, their root mean square norm, so that lambda
    means the same for every network.
    """
    mean = features.mean(0)
    scale = float(np.sqrt(((features - mean) ** 2).sum(1).mean()))
    centred = (features - mean) / scale
    targets = 2.0 * np.eye(classes)[labels] - 1.0
    offset = targets.mean(0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    rotated = left.T @ (targets - offset)
    rows = len(labels)

    def loo_error(penalty: float) -> float:
        shrink = sizes**2 / (sizes**2 + penalty)
        leverage = (left**2 @ shrink) + 1.0 / rows
        residual = (targets - offset) - left @ (shrink[:, None] * rotated)
        return float(((residual / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).mean())

    penalty = min((value * rows for value in RIDGE_GRID), key=loo_error)
    weight = right.T @ ((sizes / (sizes**2 + penalty))[:, None] * rotated)
    weight = weight.T / scale
    return Linear(weight, offset - weight @ mean)


def fit_lda(features: Array, labels: Labels, classes: int) -> Linear:
    """Linear discriminant analysis with the covariance shrunk towards a sphere.

    The shrinkage depends on counts alone: with one example a class nothing is known about the
    spread within classes, and the rule becomes the nearest class mean.
    """
    rows, columns = features.shape
    means = np.stack([features[labels == label].mean(0) for label in range(classes)])
    residual = features - means[labels]
    freedom = rows - classes
    share = freedom / (freedom + 0.5 * columns) if freedom > 0 else 0.0
    within = residual.T @ residual / max(freedom, 1)
    sphere = float(((features - features.mean(0)) ** 2).sum(1).mean()) / columns
    covariance = share * within + (1 - share) * sphere * np.eye(columns)
    weight = np.linalg.solve(covariance, means.T).T
    prior = np.log(np.bincount(labels, minlength=classes) / rows)
    return Linear(weight, prior - 0.5 * (weight * means).sum(1))
