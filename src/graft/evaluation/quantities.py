"""Metrics of a quantity, equal to scikit-learn's and SciPy's.

Shapes: N rows, R resamples. Answers and targets are (N,) in the quantity's own units.
"""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array
from graft.errors import DataError
from graft.evaluation.resampling import Figures, bootstrap_of, resamples_for
from graft.evaluation.sums import ratio
from graft.types import FloatArray, IntArray, Interval

QUANTITY_METRICS = ("mae", "rmse", "r2", "spearman")


def check_quantities(answers: FloatArray, targets: FloatArray) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        DataError: No rows, lengths that differ, or a number that is not finite.
    """
    if answers.ndim != 1 or targets.shape != answers.shape:
        raise DataError(
            f"Answers of shape {answers.shape} and targets of shape {targets.shape} do not belong"
            " together",
            allowed="(N,) and (N,)",
        )
    if not len(targets):
        raise DataError(
            "There is not one row to evaluate", next="evaluate on data with at least one example"
        )
    if not (np.isfinite(answers).all() and np.isfinite(targets).all()):
        raise DataError("An answer or a target is not finite", allowed="finite numbers")


def quantity_figures(answers: FloatArray, targets: FloatArray, weights: Float64Array) -> Figures:
    """`QUANTITY_METRICS` (R,) for weights (R, N): errors in the units, shares without.

    `r2` and `spearman` are NaN where the targets of a resample do not vary.
    """
    rows = weights.sum(axis=1)
    error = answers - targets
    squares = weights @ error**2
    centred = targets - targets.mean()  # against cancellation
    spread = weights @ centred**2 - (weights @ centred) ** 2 / rows
    varies = spread > 1e-12 * max(float(centred @ centred), np.finfo(np.float64).tiny)
    return {
        "mae": weights @ np.abs(error) / rows,
        "rmse": np.sqrt(squares / rows),
        "r2": 1 - ratio(squares, np.where(varies, spread, 0)),
        "spearman": _correlation(
            weighted_ranks(answers, weights), weighted_ranks(targets, weights), weights
        ),
    }


def weighted_ranks(values: FloatArray, weights: Float64Array) -> Float64Array:
    """(R, N) middle ranks of the rows where each row stands `weights` (R, N) times.

    >>> weighted_ranks(np.array([3.0, 1.0, 3.0]), np.ones((1, 3))).tolist()
    [[2.0, 0.5, 2.0]]
    """
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    tied = np.add.reduceat(weights[:, order], starts, axis=1)
    below = np.cumsum(tied, axis=1) - tied
    return np.asarray((below + tied / 2)[:, place])


def _correlation(first: Float64Array, second: Float64Array, weights: Float64Array) -> Float64Array:
    """(R,) weighted Pearson correlation of rows (R, N); NaN where one does not vary."""
    rows = weights.sum(axis=1, keepdims=True)
    a = first - (weights * first).sum(axis=1, keepdims=True) / rows
    b = second - (weights * second).sum(axis=1, keepdims=True) / rows
    scale = np.sqrt((weights * a**2).sum(axis=1) * (weights * b**2).sum(axis=1))
    return ratio((weights * a * b).sum(axis=1), np.where(scale > 1e-9, scale, 0))


def bootstrap_quantities(
    answers: FloatArray,
    targets: FloatArray,
    *,
    groups: IntArray | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """`QUANTITY_METRICS` with 95 % bootstrap intervals; those that are undefined are left out.

    Raises:
        DataError: As `check_quantities` says, or groups of another length.

    >>> found = bootstrap_quantities(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(found["mae"].value, 3), round(found["r2"].value, 3), found["spearman"].value
    (0.333, 0.5, 1.0)
    """
    check_quantities(answers, targets)
    return bootstrap_of(
        lambda weights: quantity_figures(answers, targets, weights),
        len(targets),
        groups,
        resamples=resamples_for(len(targets), 4),
        seed=seed,
        numbers={},
    )
