"""Linear regression of quantities: ridge in closed form, the penalty by exact leave-one-out."""

from __future__ import annotations

import numpy as np

from graft.closedform.axes import principal_scores
from graft.closedform.linear import Float64Array, LinearSolution
from graft.closedform.ridge import PENALTIES, leave_one_out
from graft.closedform.space import standardisation
from graft.types import FloatArray, IntArray


def fit_quantities(
    features: FloatArray, values: FloatArray, groups: IntArray | None = None
) -> LinearSolution:
    """Ridge regression of each quantity, with the penalty of the least leave-one-out error.

    Minimises `|y - X w - b|^2 + penalty * |w|^2` on standardised features; the intercept is not
    penalised. All penalties come from one eigendecomposition, and the squared error of leaving
    each row out is exact, without refitting (Allen 1974; `graft.closedform.ridge.leave_one_out`).
    Every quantity has a penalty of its own.

    Args:
        features: (N, D), at least two rows.
        values: (N, K) the quantities.
        groups: (N,) group numbers: rows of one group are left out together.

    Returns:
        Weight (K, D) and bias (K,) in the original features: the standardisation is folded in.

    Raises:
        ValueError: Fewer than two rows, or the shapes do not fit.

    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> fit_quantities(x, 3 * x + 1).logits(np.array([[2.0]])).round(2).tolist()
    [[7.0]]
    """
    _check(features, values)
    mean, scale = standardisation(features)
    turned = principal_scores(features, mean, scale)
    wanted = np.asarray(values, dtype=np.float64)
    chosen, _ = _best_penalties(turned.scores, wanted, features.shape[1], groups)
    centre = wanted.mean(axis=0)
    weight = (turned.axes @ _shrunk(turned.scores, wanted - centre, chosen)).T / scale
    return LinearSolution(weight, centre - weight @ mean)


def quantities_left_out(features: FloatArray, values: FloatArray) -> Float64Array:
    """What `fit_quantities` answers for each row when it is fitted without that row, (N, K).

    The penalties are those of the least leave-one-out error.

    Args:
        features: (N, D), at least two rows.
        values: (N, K) the quantities.

    Raises:
        ValueError: Fewer than two rows, or the shapes do not fit.
    """
    _check(features, values)
    turned = principal_scores(features, *standardisation(features))
    wanted = np.asarray(values, dtype=np.float64)
    return wanted - _best_penalties(turned.scores, wanted, features.shape[1])[1]


def _check(features: FloatArray, values: FloatArray) -> None:
    if values.ndim != 2 or len(values) != len(features):
        raise ValueError(f"features {features.shape} and values {values.shape} do not fit")
    if len(values) < 2:
        raise ValueError("leave-one-out needs at least two rows, found 1")


def _best_penalties(
    scores: FloatArray, wanted: Float64Array, columns: int, groups: IntArray | None = None
) -> tuple[Float64Array, Float64Array]:
    """The penalty (K,) of the least leave-one-out error for each quantity, and the errors (N, K).

    Args:
        scores: (N, A) standardised features in principal axes.
        wanted: (N, K).
        columns: D, the width of the features.
        groups: (N,) what is left out together.
    """
    energy = float(np.vdot(scores, scores)) / columns
    penalties = np.array(PENALTIES) * (energy or 1.0)
    errors = np.array([leave_one_out(scores, wanted, float(p), groups) for p in penalties])
    best = np.argmin((errors**2).mean(axis=1), axis=0)
    return penalties[best], errors[best, :, np.arange(wanted.shape[1])].T


def _shrunk(scores: FloatArray, centred: Float64Array, penalties: Float64Array) -> Float64Array:
    """Coefficients (A, K) in principal axes, a penalty for each of K columns."""
    squares = (scores**2).sum(axis=0)[:, None]
    return np.asarray((scores.T @ centred) / (squares + penalties))
