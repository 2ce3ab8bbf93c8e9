"""The value that every linear head is: a weight matrix and a bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graft.types import FloatArray, IntArray

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearSolution:
    """Logits that are linear in the features.

    Attributes:
        weight: (C, D).
        bias: (C,).
    """

    weight: Float64Array
    bias: Float64Array

    def logits(self, features: FloatArray) -> Float64Array:
        """The logits (N, C) of features (N, D)."""
        return np.asarray(features @ self.weight.T + self.bias, dtype=np.float64)

    def stretched(self, factor: float) -> LinearSolution:
        """The weight times a factor; the bias stays."""
        return LinearSolution(factor * self.weight, self.bias)


def log_softmax(logits: FloatArray) -> FloatArray:
    """Log-probabilities (N, C) of logits (N, C); finite wherever the logits are."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities (N, C) of logits (N, C).

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    return np.exp(log_softmax(logits))


def class_counts(targets: IntArray, classes: int) -> IntArray:
    """How many rows each class has, (C,).

    Raises:
        ValueError: A target is not a class index, or there are no rows.
    """
    if targets.ndim != 1 or targets.size == 0:
        raise ValueError(f"targets must be a non-empty vector, found shape {targets.shape}")
    if targets.min() < 0 or targets.max() >= classes:
        raise ValueError(
            f"targets must lie in 0 ... {classes - 1}, found {targets.min()} ... {targets.max()}"
        )
    return np.bincount(targets, minlength=classes).astype(np.int64)


def with_absent_classes(
    weight: FloatArray, bias: FloatArray, present: IntArray, classes: int, lowest: float
) -> LinearSolution:
    """Extend a solution over the present classes to all classes.

    The gauge is fixed first: the class means of weight and bias are subtracted, which changes no
    probability. A class without examples then gets weight 0 and the bias `lowest` (below 0), so
    it is never predicted, on any input: the largest of the present logits is at least their mean,
    and their mean is 0.

    Args:
        weight: (P, D) weights of the P present classes.
        bias: (P,) their biases.
        present: (P,) their indices.
        classes: C.
        lowest: The logit of an absent class, in the gauge in which the present ones have mean 0.
    """
    full_weight = np.zeros((classes, weight.shape[1]))
    full_bias = np.full(classes, float(lowest))
    full_weight[present] = weight - weight.mean(axis=0)
    full_bias[present] = bias - bias.mean()
    return LinearSolution(full_weight, full_bias - full_bias.mean())
