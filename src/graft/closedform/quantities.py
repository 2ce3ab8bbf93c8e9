"""Linear regression of quantities: ridge in closed form, the penalty by exact leave-one-out."""

from __future__ import annotations

import numpy as np

from graft.closedform.axes import principal_scores
from graft.closedform.linear import Float64Array, LinearSolution
from graft.closedform.ridge import PENALTIES, leave_one_out
from graft.closedform.space import standardisation
from graft.types import FloatArray


def fit_quantities(features: FloatArray, values: FloatArray) -> LinearSolution:
    """Ridge regression of each quantity, with the penalty of the least leave-one-out error.

    Minimises `|y - X w - b|^2 + penalty * |w|^2` on standardised features; the intercept is not
    penalised. All penalties come from one eigendecomposition, and the squared error of leaving
    each row out is exact, without refitting (Allen 1974; `graft.closedform.ridge.leave_one_out`).
    Every quantity has a penalty of its own.

    Args:
        features: (N, D), at least two rows.
        values: (N, K) the quantities.

    Returns:
        Weight (K, D) and bias (K,) in the original features: the standardisation is folded in.

    Raises:
        ValueError: Fewer than two rows, or the shapes do not fit.

    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> fit_quantities(x, 3 * x + 1).logits(np.array([[2.0]])).round(2).tolist()
    [[7.0]]
    """
    if values.ndim != 2 or len(values) != len(features):
        raise ValueError(f"features {features.shape} and values {values.shape} do not fit")
    if len(values) < 2:
        raise ValueError("leave-one-out needs at least two rows, found 1")
    mean, scale = standardisation(features)
    turned = principal_scores(features, mean, scale)
    energy = float(np.vdot(turned.scores, turned.scores)) / features.shape[1]
    penalties = np.array(PENALTIES) * (energy or 1.0)
    wanted = np.asarray(values, dtype=np.float64)
    errors = [(leave_one_out(turned.scores, wanted, float(p)) ** 2).mean(axis=0) for p in penalties]
    chosen = penalties[np.argmin(np.array(errors), axis=0)]
    centre = wanted.mean(axis=0)
    weight = (turned.axes @ _shrunk(turned.scores, wanted - centre, chosen)).T / scale
    return LinearSolution(weight, centre - weight @ mean)


def _shrunk(scores: FloatArray, centred: Float64Array, penalties: Float64Array) -> Float64Array:
    """Coefficients (A, K) in principal axes, a penalty for each of K columns."""
    squares = (scores**2).sum(axis=0)[:, None]
    return np.asarray((scores.T @ centred) / (squares + penalties))
