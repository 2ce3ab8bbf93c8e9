"""Where the linear probe is solved: features standardised, and rotated where that pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.closedform.axes import ROWS_PER_BLOCK, principal_scores
from graft.closedform.linear import Float64Array
from graft.closedform.metric import Gram
from graft.types import FloatArray

SHRINKAGE = 20.0
"""Rows that the common scale counts for beside each feature's own standard deviation.

Measured beside 5, in points of accuracy: with one example a class 0.1 to 0.3 (digits, invented
characters, MiniLM's texts), with five and ten 0 to 0.1 (digits), on icons -0.5 to 1.2."""
SINGLE_PRECISION_PATH = 2**22
"""Feature matrices with more values than this are multiplied in float32 along the path."""
SINGLE_PRECISION = 2**24
"""With more than this, also for the chosen penalty."""


@dataclass(frozen=True, slots=True)
class Space:
    """Standardised features, in their principal axes where there are fewer rows than features.

    Attributes:
        rows: (N, K), float32 or float64.
        light: The same in float32 where they are many, for what may be less precise.
        mean: (D,) of the features.
        scale: (D,) by which the centred features were divided.
        axes: (D, K) the principal axes; None where there are none and K = D.
        metric: Weighted mean outer product of the rows; None in principal axes.
    """

    rows: FloatArray
    light: FloatArray
    mean: Float64Array
    scale: Float64Array
    axes: Float64Array | None
    metric: Gram | None

    def enter(self, features: FloatArray) -> FloatArray:
        """Other rows (M, D) in these coordinates, as precise as `light`."""
        found: FloatArray = np.empty((len(features), self.rows.shape[1]), self.light.dtype)
        for at in range(0, len(features), ROWS_PER_BLOCK):
            standard = (features[at : at + ROWS_PER_BLOCK] - self.mean) / self.scale
            found[at : at + ROWS_PER_BLOCK] = (
                standard if self.axes is None else standard @ self.axes
            )
        return found

    def leave(self, weight: Float64Array) -> Float64Array:
        """A weight (P, K) in these coordinates as one (P, D) of the features themselves."""
        return (weight if self.axes is None else weight @ self.axes.T) / self.scale


def enter_space(
    features: FloatArray,
    weights: Float64Array,
    shrinkage: float = SHRINKAGE,
    *,
    overwrite: bool = False,
) -> Space:
    """Standardise features (N, D) of rows with weights (N,); see `standardisation`.

    Fewer rows than features are rotated into their principal axes, which leaves N dimensions and
    changes no solution. More rows stay as they are: an eigendecomposition would cost more than
    all penalties of a path (see `graft.closedform.metric`). With `overwrite` such features become
    the rows themselves where their type is the one wanted: many take half the memory then.
    """
    mean, scale = standardisation(features, shrinkage)
    dtype: type[np.floating] = np.float32 if features.size > SINGLE_PRECISION else np.float64
    light = np.float32 if features.size > SINGLE_PRECISION_PATH else dtype
    if len(features) < features.shape[1]:
        turned = principal_scores(features, mean, scale, dtype)
        scores = turned.scores
        return Space(scores, scores.astype(light, copy=False), mean, scale, turned.axes, None)
    alike = features.dtype == dtype == np.float32
    in_place = overwrite and alike and features.flags.writeable
    rows: FloatArray = features if in_place else np.empty(features.shape, dtype=dtype)
    shift: FloatArray = mean.astype(dtype)
    for at in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(at, at + ROWS_PER_BLOCK)
        np.subtract(features[block], shift, out=rows[block], casting="same_kind")
        rows[block] /= scale.astype(dtype)
    lighter: FloatArray = rows.astype(light, copy=False)
    return Space(rows, lighter, mean, scale, None, _gram(lighter, weights))


def _gram(rows: FloatArray, weights: Float64Array) -> Gram:
    roots = np.sqrt(weights / weights.sum()).astype(rows.dtype)[:, None]
    found = np.zeros((rows.shape[1],) * 2, dtype=rows.dtype)
    for at in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(at, at + ROWS_PER_BLOCK)
        weighted = rows[block] * roots[block]
        found += weighted.T @ weighted
    return Gram(found)


def standardisation(
    features: FloatArray, shrinkage: float = SHRINKAGE
) -> tuple[Float64Array, Float64Array]:
    """The mean (D,) and the scale (D,) by which the probe standardises.

    A standard deviation over few rows is unreliable, so each feature's variance is shrunk towards
    the mean variance of all: `(N * own + shrinkage * common) / (N + shrinkage)`. The scale also
    holds a factor `sqrt(D)`, so that a row has mean square length of about one and a penalty
    means the same for every width.

    >>> standardisation(np.array([[0.0, 3.0], [2.0, 3.0]]), shrinkage=0.0)[0].tolist()
    [1.0, 3.0]
    """
    count, columns = features.shape
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    # In blocks: NumPy's own variance makes a float64 copy of all features.
    squares = np.zeros(columns)
    for at in range(0, count, ROWS_PER_BLOCK):
        apart = features[at : at + ROWS_PER_BLOCK] - mean
        squares += np.einsum("nk,nk->k", apart, apart)
    variance = squares / count
    common = float(variance.mean())
    if common == 0:
        return mean, np.ones(columns)
    shrunk = (count * variance + shrinkage * common) / (count + shrinkage)
    floor = 1e-12 * common  # a constant feature says nothing, whatever it is divided by
    return mean, np.sqrt(np.maximum(shrunk, floor) * columns)
