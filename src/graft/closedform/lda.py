"""Linear discriminant analysis with a shrunk covariance."""

from __future__ import annotations

import numpy as np

from graft.closedform.axes import principal_scores
from graft.closedform.linear import (
    Float64Array,
    LinearSolution,
    class_counts,
    with_absent_classes,
)
from graft.types import FloatArray, IntArray


def fit_lda(
    features: FloatArray, targets: IntArray, classes: int, *, shrinkage: float | None = None
) -> LinearSolution:
    """Linear discriminant analysis, the pooled covariance shrunk after Ledoit and Wolf (2004).

    `W_c = S^-1 mu_c`, `b_c = log pi_c - mu_c' S^-1 mu_c / 2` with S the within-class covariance
    of all rows, shrunk towards a multiple of the identity. Never inverts a D x D matrix where
    there are fewer rows than features. Where the within-class covariance is zero (one example a
    class) S is the features' mean variance times the identity: the nearest class mean.

    Args:
        features: (N, D).
        targets: (N,) class indices.
        classes: C. A class without examples is never predicted (see `fit_logistic`).
        shrinkage: Share of the identity, 0 to 1; None estimates it.

    Raises:
        ValueError: A target or the shrinkage is out of range, or there are no rows.
    """
    if shrinkage is not None and not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage must lie in 0 ... 1, found {shrinkage}")
    counts = class_counts(targets, classes)
    present = np.flatnonzero(counts)
    centre = np.asarray(features.mean(axis=0, dtype=np.float64))
    rows = np.asarray(features, dtype=np.float64) - centre
    sums = np.zeros((classes, rows.shape[1]))
    np.add.at(sums, targets, rows)
    means = sums[present] / counts[present, None]
    within = rows - means[np.searchsorted(present, targets)]
    fallback = float((rows**2).mean()) or 1.0
    weight = _precision_times(means, within, fallback, shrinkage)
    bias = np.log(counts[present] / len(targets)) - (weight * means).sum(axis=1) / 2
    logits = rows @ (weight - weight.mean(axis=0)).T + bias - bias.mean()
    lowest = min(float(logits.min()), 0.0) - 1.0
    return with_absent_classes(weight, bias - weight @ centre, present, classes, lowest)


def ledoit_wolf_shrinkage(rows: FloatArray, dimensions: int) -> float:
    """The share of the identity in the shrunk covariance (Ledoit and Wolf 2004, section 3.2).

    Args:
        rows: (N, K) principal scores of centred rows: their columns are orthogonal.
        dimensions: D, the width of the features themselves.
    """
    count = len(rows)
    eigenvalues = (rows**2).sum(axis=0) / count
    squares = float((eigenvalues**2).sum())
    distance = squares - float(eigenvalues.sum()) ** 2 / dimensions
    noise = (float(((rows**2).sum(axis=1) ** 2).sum()) / count - squares) / count
    return min(max(noise, 0.0), distance) / distance if distance > 0 else 0.0


def _precision_times(
    means: Float64Array, within: Float64Array, fallback: float, shrinkage: float | None
) -> Float64Array:
    """`S^-1 mu_c` for every class, (P, D), with S from the within-class residuals (N, D)."""
    count, dimensions = within.shape
    turned = principal_scores(within, np.zeros(dimensions), np.ones(dimensions))
    eigenvalues = (turned.scores**2).sum(axis=0) / count
    common = float(eigenvalues.sum()) / dimensions
    if common <= 1e-12 * fallback:
        return means / fallback
    share = shrinkage
    if share is None:
        share = ledoit_wolf_shrinkage(turned.scores, dimensions)
    floor = max(share, 1e-12) * common
    inside = means @ turned.axes
    product = (inside / ((1 - share) * eigenvalues + floor)) @ turned.axes.T
    if turned.axes.shape[1] < dimensions:  # directions in which no residual varies
        product += (means - inside @ turned.axes.T) / floor
    return np.asarray(product)
