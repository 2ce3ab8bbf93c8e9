"""Ridge regression on one-hot targets: every penalty, with leave-one-out, from one rotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graft.closedform.axes import PrincipalScores, principal_scores
from graft.closedform.linear import Float64Array, LinearSolution, class_counts
from graft.closedform.logistic import require_penalty
from graft.types import FloatArray, IntArray

PENALTIES = tuple(float(f"{10.0 ** (power / 2):.3g}") for power in range(-10, 11))
"""1e-5 ... 1e5 times the mean square of a feature."""


@dataclass(frozen=True, slots=True)
class RidgePath:
    """Ridge regressions for a list of penalties, with their exact leave-one-out accuracy.

    Attributes:
        penalties: (L,) as they stand in the objective.
        accuracy: (L,) leave-one-out accuracy of each.
        squared_error: (L,) mean leave-one-out squared error, summed over the classes.
    """

    penalties: Float64Array
    accuracy: Float64Array
    squared_error: Float64Array
    _turned: PrincipalScores
    _targets: Float64Array

    @property
    def best(self) -> int:
        """Index of the highest leave-one-out accuracy; among equals, the least squared error."""
        return int(np.lexsort((self.squared_error, -self.accuracy))[0])

    def solution(self, index: int) -> LinearSolution:
        """The regression at one penalty; its logits estimate the one-hot targets."""
        scores, axes = self._turned.scores, self._turned.axes
        share = self._targets.mean(axis=0)
        shrunk = 1 / ((scores**2).sum(axis=0) + self.penalties[index])
        weight = (axes @ (shrunk[:, None] * (scores.T @ (self._targets - share)))).T
        return LinearSolution(weight, share - weight @ self._turned.mean)

    def residuals(self, index: int) -> Float64Array:
        """Exact leave-one-out residuals (N, C) at one penalty."""
        return leave_one_out(self._turned.scores, self._targets, float(self.penalties[index]))


def fit_ridge(
    features: FloatArray,
    targets: IntArray,
    classes: int,
    *,
    penalties: Sequence[float] | None = None,
) -> RidgePath:
    """Ridge regression on one-hot targets for every penalty, from one eigendecomposition.

    Minimises `|Y - X W' - b|^2 + penalty * |W|^2`; the intercept is not penalised. Leave-one-out
    residuals are exact, without refitting (the PRESS identity; Allen 1974): see `leave_one_out`.
    A class without examples has weight and bias zero.

    Args:
        features: (N, D), at least two rows.
        targets: (N,) class indices.
        classes: C.
        penalties: Positive; None for `PENALTIES` times the mean square of a centred feature and
            N, so that the list suits every scale.

    Raises:
        ValueError: Fewer than two rows, or a penalty or a target is out of range.
    """
    class_counts(targets, classes)
    if len(targets) < 2:
        raise ValueError("leave-one-out needs at least two rows, found 1")
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    turned = principal_scores(features, mean, np.ones(features.shape[1]))
    if penalties is None:
        energy = float(np.vdot(turned.scores, turned.scores)) / features.shape[1]
        penalties = [(energy or 1.0) * factor for factor in PENALTIES]
    for penalty in penalties:
        require_penalty(penalty)
    one_hot = np.eye(classes)[targets]
    errors = [leave_one_out(turned.scores, one_hot, penalty) for penalty in penalties]
    right = [((one_hot - error).argmax(axis=1) == targets).mean() for error in errors]
    squared = [(error**2).sum(axis=1).mean() for error in errors]
    return RidgePath(np.array(penalties), np.array(right), np.array(squared), turned, one_hot)


def leave_one_out(
    scores: FloatArray,
    targets: Float64Array,
    penalty: float,
    groups: IntArray | None = None,
) -> Float64Array:
    """Residuals that each row would have if the regression were fitted without it, or without the
    rows of its group.

    `r_i = (y_i - yhat_i) / (1 - h_ii)` with the leverage
    `h_ii = 1/N + sum_k z_ik^2 / (e_k + penalty)`, where z are the centred features in principal
    axes and e the column sums of squares; 1/N is the intercept's part. For several rows at once
    `r = (I - H)^-1 (y - yhat)`, with their part H of the hat matrix.

    Args:
        scores: (N, K) centred features in principal axes.
        targets: (N, C).
        penalty: Positive.
        groups: (N,) group numbers. A group that holds all rows is left out row by row.
    """
    share = targets.mean(axis=0)
    shrunk = scores / ((scores**2).sum(axis=0) + penalty)
    fitted = share + shrunk @ (scores.T @ (targets - share))
    leverage = 1 / len(scores) + (shrunk * scores).sum(axis=1)
    found = np.asarray((targets - fitted) / (1 - leverage)[:, None])
    for rows in companions(groups, len(scores)):
        hat = 1 / len(scores) + shrunk[rows] @ scores[rows].T
        found[rows] = np.linalg.solve(np.eye(len(rows)) - hat, (targets - fitted)[rows])
    return found


def companions(groups: IntArray | None, rows: int) -> Iterator[IntArray]:
    """The rows of each group that has several; none where one group has all rows."""
    if groups is None:
        return
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    for members in np.split(order, starts):
        if 1 < len(members) < rows:
            yield members
