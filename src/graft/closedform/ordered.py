"""Logistic regression for classes with an order, as an ordinary softmax head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.closedform.linear import Float64Array, LinearSolution, log_softmax
from graft.closedform.logistic import TOLERANCE, LogisticProblem, minimum
from graft.closedform.probe import ProbeSolution, fit_probe
from graft.closedform.threads import Spread, one_blas_thread, workers
from graft.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class OrderedProblem(LogisticProblem):
    """Adjacent-category logits: one direction in feature space leads from each class to the next.

    `log(p[c + 1] / p[c]) = u x + t[c]` for every c (Agresti 2010, "Analysis of Ordinal Categorical
    Data", section 4.1). So the logits are a softmax head whose weights are equally spaced,
    `W[c] = s[c] u` with the steps s centred and of unit length: C times fewer numbers to learn than
    multinomial regression, of which it is a special case, and what is saved is a plain layer.
    """

    @property
    def steps(self) -> Float64Array:
        """(P,) places of the classes, centred and of unit length."""
        places = np.arange(len(self.priors)) - (len(self.priors) - 1) / 2
        return np.asarray(places / max(float(np.linalg.norm(places)), 1e-12))

    def solve(
        self, penalty: float, start: LinearSolution, tolerance: float = TOLERANCE
    ) -> LinearSolution:
        """Minimise over the direction (K,) and the biases (P,), by L-BFGS."""
        if len(self.priors) == 1:  # every probability is one
            return self.start()
        likely = np.exp(log_softmax(self.logits(start.weight, start.bias)))
        variance = likely @ self.steps**2 - (likely @ self.steps) ** 2
        bend = max(float(self.weights @ variance), 1e-6)
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
        steps, columns = self.steps, self.features.shape[1]

        def solution(flat: Float64Array) -> tuple[Float64Array, Float64Array]:
            direction = root.weight(flat[None, :columns])
            return steps[:, None] * direction, flat[columns:] * level

        def objective(flat: Float64Array) -> tuple[float, Float64Array]:
            value, by_weight, by_bias = self.value_and_gradient(*solution(flat), penalty, spread)
            along = root.gradient((steps @ by_weight)[None])[0]
            return value, np.concatenate([along, by_bias * level])

        begin = root.coordinates((steps @ start.weight)[None])[0]
        found = minimum(objective, np.concatenate([begin, start.bias / level]), tolerance)
        weight, bias = solution(found)
        return LinearSolution(weight, bias - bias.mean())


def fit_ordered(
    features: FloatArray,
    targets: IntArray,
    classes: int,
    *,
    weights: FloatArray | None = None,
    validation: tuple[FloatArray, IntArray] | None = None,
    views: int = 1,
    groups: IntArray | None = None,
    drawn: bool = False,
) -> ProbeSolution:
    """The exact probe for classes in order: with or without it, as held-out log loss likes best.

    One direction for all steps is the better the fewer rows there are; where classes differ in more
    than their place on a scale and rows are many, multinomial regression wins. Arguments and
    errors are those of `fit_probe`.
    """
    found = [
        fit_probe(
            features,
            targets,
            classes,
            weights=weights,
            validation=validation,
            views=views,
            groups=groups,
            drawn=drawn,
            kind=kind,
        )
        for kind in (OrderedProblem, LogisticProblem)
    ]
    return min(found, key=lambda each: min(each.scores.values(), default=0.0))
