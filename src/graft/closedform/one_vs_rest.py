"""Several labels a row: one logistic regression per label, each to the optimum."""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array, LinearSolution
from graft.closedform.probe import fit_probe
from graft.types import FloatArray, IntArray


def fit_one_vs_rest(
    features: FloatArray,
    labels: FloatArray,
    *,
    positive_weights: FloatArray | None = None,
    validation: tuple[FloatArray, FloatArray] | None = None,
    groups: IntArray | None = None,
    drawn: bool = False,
) -> LinearSolution:
    """A logistic regression for each label, whose logit's sigmoid is the label's probability.

    Each is the two-class case of `graft.closedform.fit_probe`, with a penalty of its own chosen
    by held-out log loss. A label that all rows bear, or none, gets its smoothed log odds.

    Args:
        features: (N, D).
        labels: (N, L) of 0 and 1.
        positive_weights: (L,) what a row that bears the label counts for beside one that does not.
        validation: Features (M, D) and labels (M, L) that choose the penalties.
        groups: (N,) group numbers: in cross-validation, rows of one group are held out together.
        drawn: See `graft.closedform.fit_probe`.

    Returns:
        Weight (L, D) and bias (L,).

    Raises:
        ValueError: A label is neither 0 nor 1, or a weight is not positive.

    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> (fit_one_vs_rest(x, (x > 0) * 1.0).logits(x) > 0).ravel().tolist()
    [False, False, True, True]
    """
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    factors = np.ones(labels.shape[1]) if positive_weights is None else positive_weights
    rows = [
        _fit(
            features,
            labels[:, number],
            float(factors[number]),
            _of_label(validation, number),
            groups,
            drawn,
        )
        for number in range(labels.shape[1])
    ]
    return LinearSolution(np.array([w for w, _ in rows]), np.array([b for _, b in rows]))


Rows = tuple[FloatArray, FloatArray]


def _of_label(validation: Rows | None, number: int) -> Rows | None:
    return None if validation is None else (validation[0], validation[1][:, number])


def _fit(
    features: FloatArray,
    borne: FloatArray,
    factor: float,
    validation: Rows | None,
    groups: IntArray | None,
    drawn: bool,
) -> tuple[Float64Array, float]:
    """Weight (D,) and bias of one label's logit."""
    count, rows = float(borne.sum()), len(borne)
    if count in (0, rows):
        return np.zeros(features.shape[1]), float(np.log((count + 0.5) / (rows - count + 0.5)))
    held_out = None if validation is None else (validation[0], validation[1].astype(np.int64))
    weights = None if factor == 1 else np.where(borne == 1, factor, 1.0)
    found = fit_probe(
        features,
        borne.astype(np.int64),
        2,
        weights=weights,
        validation=held_out,
        groups=groups,
        drawn=drawn,
    )
    weight, bias = found.solution.weight, found.solution.bias
    return weight[1] - weight[0], float(bias[1] - bias[0])
