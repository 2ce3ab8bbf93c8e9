"""Metrics of classes with an order, equal to scikit-learn's. Shapes: N rows, R resamples."""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array
from graft.evaluation.resampling import Figures, bootstrap_of, resamples_for
from graft.evaluation.sums import check, ratio
from graft.types import FloatArray, IntArray, Interval

ORDERED_METRICS = ("quadratic_kappa", "mae")


def steps_off(probabilities: FloatArray, targets: IntArray) -> Float64Array:
    """(N,) how many classes the most probable one is away from the truth."""
    return np.asarray(np.abs(probabilities.argmax(axis=1) - targets), dtype=np.float64)


def ordered_figures(probabilities: FloatArray, targets: IntArray, weights: Float64Array) -> Figures:
    """`ORDERED_METRICS` (R,) for weights (R, N) of the rows.

    `mae` is the mean number of steps between answer and truth. `quadratic_kappa` is Cohen's kappa
    with squared steps as weights (Cohen 1968): one minus the mean square over what it would be if
    answers and truths of the same frequencies met by chance; NaN where all are the same class.
    """
    rows = weights.sum(axis=1)
    answers = probabilities.argmax(axis=1).astype(np.float64)
    truths = targets.astype(np.float64)
    squares = weights @ (answers - truths) ** 2 / rows
    means = (weights @ answers / rows) * (weights @ truths / rows)
    by_chance = weights @ (answers**2 + truths**2) / rows - 2 * means
    return {
        "quadratic_kappa": ratio(by_chance - squares, by_chance) + 0.0,  # no negative zero
        "mae": weights @ np.abs(answers - truths) / rows,
    }


def kappa_gains(probabilities: FloatArray, targets: IntArray) -> Float64Array:
    """(N,) what each row adds to `quadratic_kappa`, which is their mean.

    Where all answers and truths are the same class, right rows have 1.

    >>> kappa_gains(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0])).round(3).tolist()
    [1.0, 1.0, 1.0, -1.462]
    """
    answers, truths = probabilities.argmax(axis=1).astype(np.float64), targets.astype(np.float64)
    by_chance = (answers**2 + truths**2).mean() - 2 * answers.mean() * truths.mean()
    squares = (answers - truths) ** 2
    return np.asarray(1 - squares / (by_chance or 1.0), dtype=np.float64)


def bootstrap_ordered(
    probabilities: FloatArray,
    targets: IntArray,
    *,
    groups: IntArray | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """`ORDERED_METRICS` with 95 % bootstrap intervals; those that are undefined are left out.

    Args:
        probabilities: (N, C), the classes in their order.
        targets: (N,) class indices.
        groups: (N,) group numbers; whole groups are drawn.
        seed: Same seed, same intervals.

    Raises:
        DataError: As `graft.evaluation.sums.check` says, or groups of another length.
    """
    check(probabilities, targets)
    return bootstrap_of(
        lambda weights: ordered_figures(probabilities, targets, weights),
        len(targets),
        groups,
        resamples=resamples_for(len(targets), 4),
        seed=seed,
        numbers={},
    )
