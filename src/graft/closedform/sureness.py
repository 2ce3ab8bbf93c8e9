"""How sure a linear head is, apart from what it says: one factor on its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize

from graft.closedform.linear import Float64Array, LinearSolution, log_softmax
from graft.types import FloatArray, IntArray

MOST_ROWS = 2000
"""With more held-out rows the penalty itself makes a head as sure as it should be."""
LOWEST, HIGHEST = np.log(0.05), np.log(100.0)
ACCURACY = 0.01


class Held(NamedTuple):
    """Held-out rows as a head that did not learn from them sees them.

    Attributes:
        products: (N, P) logits without the bias.
        bias: (P,).
        targets: (N,) class indices.
        weights: (N,) row weights.
    """

    products: FloatArray
    bias: Float64Array
    targets: IntArray
    weights: Float64Array

    @classmethod
    def of(
        cls,
        solution: LinearSolution,
        features: FloatArray,
        targets: IntArray,
        weights: Float64Array,
    ) -> Held:
        """The rows (N, K) through a solution."""
        return cls(
            features @ solution.weight.T.astype(features.dtype), solution.bias, targets, weights
        )

    def loss(self, factor: float) -> float:
        """Weighted sum of the cross-entropy where the weights are multiplied by a factor."""
        found = log_softmax(factor * self.products + self.bias)
        return -float(self.weights @ found[np.arange(len(self.targets)), self.targets])


class Judged(NamedTuple):
    """The mean held-out loss, and the factor on the weights at which it is so low."""

    loss: float
    factor: float


def judge(parts: Sequence[Held]) -> Judged:
    """The least held-out loss over all factors on the weights.

    A penalty chooses both what a head says and how sure it is. On few rows the two disagree: what
    says the right classes is far too unsure, so that a weaker penalty would win that errs more.
    As with temperature scaling (Guo et al. 2017, section 4.2), one number on rows that were not
    learnt from sets the sureness apart; the bias, which holds the classes' shares, stays.
    `(log f)^2 / N` is added to the mean loss, so that a handful of rows that happen to be right do
    not make the rest surer.
    """
    rows = sum(len(part.targets) for part in parts)
    total = sum(float(part.weights.sum()) for part in parts)

    def loss(factor: float) -> float:
        return sum(part.loss(factor) for part in parts) / total

    if rows > MOST_ROWS:
        return Judged(loss(1.0), 1.0)
    found = optimize.minimize_scalar(
        lambda place: loss(float(np.exp(place))) + place**2 / rows,
        bounds=(LOWEST, HIGHEST),
        method="bounded",
        options={"xatol": ACCURACY},
    )
    factor = float(np.exp(found.x))
    return Judged(loss(factor), factor)
