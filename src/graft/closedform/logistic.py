"""Multinomial logistic regression with an L2 penalty, to the optimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from graft.closedform.axes import principal_scores
from graft.closedform.linear import (
    Float64Array,
    LinearSolution,
    class_counts,
    log_softmax,
    with_absent_classes,
)
from graft.closedform.metric import Diagonal, Metric
from graft.closedform.threads import Spread, one_blas_thread, workers
from graft.types import FloatArray, IntArray

MAX_ITERATIONS = 1000
CORRECTIONS = 20
"""Pairs that L-BFGS remembers."""
ROWS_PER_BLOCK = 1024
"""Rows that one thread takes at a time; sums over blocks have the same bytes for any number."""
TOLERANCE = 1e-7
"""Largest gradient entry at which the solver stops, in coordinates of curvature about one; the
objective is then within about C * D * TOLERANCE**2 of its minimum."""


@dataclass(frozen=True, slots=True)
class LogisticProblem:
    """The data term of a logistic regression, shared by all penalties of a path.

    Attributes:
        features: (N, K), float32 or float64; products over rows run in this precision.
        targets: (N,) indices among the P classes that occur.
        weights: (N,) row weights that sum to one.
        metric: Weighted mean outer product of the features, about.
        priors: (P,) log of each class's share of the weight.
    """

    features: FloatArray
    targets: IntArray
    weights: Float64Array
    metric: Metric
    priors: Float64Array

    @classmethod
    def build(
        cls,
        features: FloatArray,
        targets: IntArray,
        weights: FloatArray | None,
        metric: Metric | None = None,
    ) -> LogisticProblem:
        """Check and normalise the arguments.

        Args:
            features: (N, K), about centred.
            targets: (N,) 0 ... P-1, every class present.
            weights: (N,) positive, or None for equal weights.
            metric: Where the solver's coordinates come from; it decides how many iterations the
                solution takes, not which one it is. None for features in principal axes.

        Raises:
            ValueError: A weight is not positive and finite.
        """
        shares = np.ones(len(targets)) if weights is None else np.array(weights, dtype=np.float64)
        if not (np.isfinite(shares).all() and (shares > 0).all()):
            raise ValueError("row weights must be positive and finite")
        shares /= shares.sum()
        if metric is None:
            curvature = np.einsum("n,nk,nk->k", shares, features, features, optimize=False)
            metric = Diagonal(np.asarray(curvature, dtype=np.float64))
        priors = np.log(np.bincount(targets, weights=shares))
        return cls(features, targets, shares, metric, priors)

    def start(self) -> LinearSolution:
        """The optimum for an infinite penalty: no weight, the log priors as bias."""
        return LinearSolution(
            np.zeros((len(self.priors), self.features.shape[1])), self.priors - self.priors.mean()
        )

    def logits(self, weight: Float64Array, bias: Float64Array) -> FloatArray:
        """Logits (N, P) in the working precision."""
        dtype = self.features.dtype
        return np.asarray(self.features @ weight.T.astype(dtype) + bias.astype(dtype))

    def value_and_gradient(
        self, weight: Float64Array, bias: Float64Array, penalty: float, spread: Spread = map
    ) -> tuple[float, Float64Array, Float64Array]:
        """The objective and its derivatives with respect to weight (P, K) and bias (P,).

        `spread` maps over blocks of rows.
        """
        dtype = self.features.dtype
        point = weight.T.astype(dtype), bias.astype(dtype)
        parts = [*spread(lambda rows: self._block(rows, *point), self._blocks())]
        loss, by_weight, by_bias = (np.sum([*part], axis=0) for part in zip(*parts, strict=True))
        value = float(loss) + penalty / 2 * float(np.vdot(weight, weight))
        return value, by_weight + penalty * weight, by_bias

    def _blocks(self) -> list[slice]:
        starts = range(0, len(self.targets), ROWS_PER_BLOCK)
        return [slice(start, start + ROWS_PER_BLOCK) for start in starts]

    def _block(
        self, block: slice, weight: FloatArray, bias: FloatArray
    ) -> tuple[float, Float64Array, Float64Array]:
        """Loss and derivatives of some rows."""
        features, targets, shares = self.features[block], self.targets[block], self.weights[block]
        rows = np.arange(len(targets))
        log_probabilities = log_softmax(features @ weight + bias)
        loss = -float(shares @ log_probabilities[rows, targets])
        residual = np.exp(log_probabilities)
        residual[rows, targets] -= 1
        residual *= shares[:, None].astype(residual.dtype)
        by_weight = (residual.T @ features).astype(np.float64)
        return loss, by_weight, residual.sum(axis=0, dtype=np.float64)

    def solve(
        self, penalty: float, start: LinearSolution, tolerance: float = TOLERANCE
    ) -> LinearSolution:
        """Minimise by L-BFGS in coordinates in which the curvature is about one.

        The Hessian at the start is about `bend * metric + penalty` with `bend` the mean of the
        softmax's curvature; dividing by its root is what keeps the iterations few.
        """
        classes = len(self.priors)
        if classes == 1:  # every probability is one
            return self.start()
        probabilities = np.exp(log_softmax(self.logits(start.weight, start.bias)))
        variance = float(self.weights @ (probabilities * (1 - probabilities)).sum(axis=1))
        bend = max(variance / (classes - 1), 1e-6)
        with workers(len(self._blocks())) as spread, one_blas_thread():
            return self._descend(penalty, start, tolerance, bend, spread)

    def _descend(
        self,
        penalty: float,
        start: LinearSolution,
        tolerance: float,
        bend: float,
        spread: Spread,
    ) -> LinearSolution:
        root, level = self.metric.root(bend, penalty), 1 / np.sqrt(bend)
        shape = (len(self.priors), -1)

        def solution(flat: Float64Array) -> tuple[Float64Array, Float64Array]:
            point = flat.reshape(shape)
            return root.weight(point[:, :-1]), point[:, -1] * level

        def objective(flat: Float64Array) -> tuple[float, Float64Array]:
            value, by_weight, by_bias = self.value_and_gradient(*solution(flat), penalty, spread)
            return value, np.column_stack([root.gradient(by_weight), by_bias * level]).ravel()

        begin = np.column_stack([root.coordinates(start.weight), start.bias / level]).ravel()
        weight, bias = solution(minimum(objective, begin, tolerance))
        return LinearSolution(weight, bias - bias.mean())


def minimum(
    objective: Callable[[Float64Array], tuple[float, Float64Array]],
    start: Float64Array,
    tolerance: float,
) -> Float64Array:
    """Where a smooth convex function, given with its gradient, is least; by L-BFGS."""
    found = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": MAX_ITERATIONS,
            "maxfun": 2 * MAX_ITERATIONS,
            "maxcor": CORRECTIONS,
            "gtol": tolerance,
            "ftol": tolerance**2,
        },
    )
    return np.asarray(found.x, dtype=np.float64)


def fit_logistic(
    features: FloatArray,
    targets: IntArray,
    classes: int,
    *,
    penalty: float,
    weights: FloatArray | None = None,
    start: LinearSolution | None = None,
) -> LinearSolution:
    """Multinomial logistic regression, solved to the optimum.

    Minimises `sum_i w_i * CE_i / sum_i w_i + penalty / 2 * |W|^2`; the bias is not penalised.
    This is scikit-learn's `LogisticRegression` at `C = 1 / (penalty * sum_i w_i)` for three
    classes and more; for two it is that of half the penalty, since both classes carry a weight.
    Where there are more features than rows the problem is solved in the span of the rows, which
    contains the solution, at a cost that hardly depends on D.

    Args:
        features: (N, D).
        targets: (N,) class indices.
        classes: C. A class without examples gets weight zero and a bias below every logit of
            the others on these rows, so that it is never predicted and its bias stays finite.
        penalty: Positive.
        weights: (N,) positive row weights.
        start: Where to begin; the solution does not depend on it.

    Returns:
        The solution in the gauge in which the biases have mean zero.

    Raises:
        ValueError: The penalty is not positive, or targets or weights are out of range.

    >>> x, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> fit_logistic(x, y, 2, penalty=0.1).logits(x).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    require_penalty(penalty)
    present = np.flatnonzero(class_counts(targets, classes))
    columns = features.shape[1]
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    turned = principal_scores(features, mean, np.ones(columns))
    problem = LogisticProblem.build(turned.scores, np.searchsorted(present, targets), weights)
    begin = problem.start()
    if start is not None:
        bias = start.bias[present] + start.weight[present] @ mean
        begin = LinearSolution(start.weight[present] @ turned.axes, bias)
    solution = problem.solve(penalty, begin)
    weight = solution.weight @ turned.axes.T
    lowest = lowest_logit(problem, solution)
    return with_absent_classes(weight, solution.bias - weight @ mean, present, classes, lowest)


def require_penalty(penalty: float) -> None:
    """A penalty must be positive: without one, separable classes have no finite solution.

    Raises:
        ValueError: It is not.
    """
    if not (np.isfinite(penalty) and penalty > 0):
        raise ValueError(f"the penalty must be positive and finite, found {penalty}")


def lowest_logit(problem: LogisticProblem, solution: LinearSolution) -> float:
    """A logit one below all that the present classes have on the problem's rows."""
    return min(float(problem.logits(solution.weight, solution.bias).min()), 0.0) - 1.0
