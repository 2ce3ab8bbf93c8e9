"""LogME: the evidence for a linear model of the labels, given the features."""

from __future__ import annotations

import numpy as np

from graft.closedform.axes import principal_scores
from graft.closedform.linear import Float64Array, class_counts
from graft.types import FloatArray, IntArray

RATIOS = np.logspace(-8, 8, 65)
"""Ratios of the two precisions that are tried, in units of the features' mean energy."""
REFINEMENTS = 60
"""Golden-section steps between the neighbours of the best."""
TINY = 1e-30
"""In place of the length of a column of zeros."""
LEAST_MISFIT = 1e-13
"""Share of a column's length that counts as misfit where the features explain all of it."""


def logme(features: FloatArray, targets: IntArray, classes: int) -> float:
    """The log evidence of Bayesian linear regression, mean over the present classes, per row.

    For each one-hot column y the model is y = F w + noise with w ~ N(0, I / a) and noise of
    precision b; the score is log N(y; 0, I / b + F F' / a) / N at the a and b that maximise it.
    The best b for a ratio a / b has a closed form, so one ratio is searched instead of two
    precisions iterated. Directions in which the features do not vary cancel: widths compare, also
    with fewer rows than features.

    Source: You et al. (2021), "LogME: Practical Assessment of Pre-trained Models for Transfer
    Learning", section 4.

    Args:
        features: (N, D), as they are: the model has no intercept.
        targets: (N,) class indices.
        classes: C.

    Raises:
        ValueError: A target is out of range, or there are no rows.

    >>> random = np.random.RandomState(0)
    >>> features, targets = random.randn(60, 8), np.arange(60) % 3
    >>> features[:, 0] += targets
    >>> round(logme(features, targets, 3), 4)
    -0.7845
    """
    present = np.flatnonzero(class_counts(targets, classes))
    return logme_of_columns(features, (targets[:, None] == present).astype(np.float64))


def logme_of_columns(features: FloatArray, values: FloatArray) -> float:
    """`logme` of any columns: the mean over them of the log evidence per row.

    Args:
        features: (N, D), as they are: the model has no intercept.
        values: (N, K), at least one row and one column; those of quantities centred.
    """
    columns = features.shape[1]
    scores = principal_scores(features, np.zeros(columns), np.ones(columns)).scores
    energy = (scores**2).sum(axis=0)
    kept = energy > energy.max(initial=0.0) * max(features.shape) * np.finfo(np.float64).eps
    scores, energy = scores[:, kept], energy[kept]
    found = (scores.T @ values) ** 2 / energy[:, None]
    lengths = (values**2).sum(axis=0)
    evidence = [
        _best_evidence(energy, along, max(float(length), TINY), len(values))
        for along, length in zip(found.T, lengths, strict=True)
    ]
    return float(np.mean(evidence)) / len(values)


def _best_evidence(energy: Float64Array, along: Float64Array, length: float, rows: int) -> float:
    """The log evidence of one column at the best precisions.

    Args:
        energy: (K,) squared singular values of the features, positive.
        along: (K,) squared products of the column with the left singular vectors.
        length: The column's squared length.
        rows: N.
    """
    outside = max(length - float(along.sum()), LEAST_MISFIT * length)

    def evidence(logarithm: float) -> float:
        spread = 1 + energy / np.exp(logarithm)
        misfit = float((along / spread).sum()) + outside
        noise = np.log(rows / misfit) - 1 - np.log(2 * np.pi)
        return (rows * float(noise) - float(np.log(spread).sum())) / 2

    middle = np.log(energy.mean()) if len(energy) else 0.0
    tried = middle + np.log(RATIOS)
    best = int(np.argmax([evidence(at) for at in tried]))
    low, high = tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)]
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(REFINEMENTS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if evidence(left) >= evidence(right) else (left, high)
    return evidence((low + high) / 2)
