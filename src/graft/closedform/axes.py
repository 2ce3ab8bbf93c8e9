"""Principal axes: one orthogonal change of coordinates that every solver here starts from.

In principal axes the Gram matrix of the features is diagonal. Ridge regression is then solved for
every penalty at once, the Hessian of logistic regression is nearly diagonal, and where there are
fewer rows than features the problem shrinks to N dimensions without any loss (a penalised
solution lies in the span of the rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from graft.closedform.linear import Float64Array
from graft.closedform.threads import one_blas_thread
from graft.types import FloatArray

ROWS_PER_BLOCK = 4096
"""Rows that are standardised at a time, so that no second copy of large features is needed."""


@dataclass(frozen=True, slots=True)
class PrincipalScores:
    """Standardised features in their principal axes.

    Attributes:
        scores: (N, K) coordinates, K = min(N, D); orthogonal columns.
        axes: (D, K) orthonormal columns: `(features - mean) / scale == scores @ axes.T`.
        mean: (D,).
        scale: (D,).
    """

    scores: FloatArray
    axes: Float64Array
    mean: Float64Array
    scale: Float64Array


def principal_scores(
    features: FloatArray,
    mean: Float64Array,
    scale: Float64Array,
    dtype: npt.DTypeLike = np.float64,
) -> PrincipalScores:
    """Rotate standardised features into their principal axes.

    The rotation is orthogonal to working precision whatever the rank, so nothing is lost: an
    L2-penalised problem has the same solution in both coordinate systems.

    Args:
        features: (N, D).
        mean: (D,) subtracted first.
        scale: (D,) divided by, positive.
        dtype: Of the scores and of the matrix products over rows; float32 halves time and memory.
    """
    rows, columns = features.shape
    if rows < columns:
        standard = (np.asarray(features, dtype=np.float64) - mean) / scale
        with one_blas_thread():
            basis, triangle = linalg.qr(standard.T, mode="economic", check_finite=False)
        rotation = eigenvectors(triangle @ triangle.T)
        scores = np.asarray(triangle.T @ rotation, dtype=dtype)
        return PrincipalScores(scores, np.asarray(basis @ rotation), mean, scale)

    blocks = [slice(at, at + ROWS_PER_BLOCK) for at in range(0, rows, ROWS_PER_BLOCK)]
    shift, divisor = mean.astype(dtype), scale.astype(dtype)
    gram = np.zeros((columns, columns))
    for block in blocks:
        standard = (features[block].astype(dtype) - shift) / divisor
        gram += standard.T @ standard
    rotation = eigenvectors(gram)
    turned = rotation.astype(dtype)
    scores = np.empty((rows, columns), dtype=dtype)
    for block in blocks:
        np.matmul((features[block].astype(dtype) - shift) / divisor, turned, out=scores[block])
    return PrincipalScores(scores, rotation, mean, scale)


def eigenvectors(gram: Float64Array) -> Float64Array:
    """Orthonormal eigenvectors of a symmetric matrix, in columns."""
    with one_blas_thread():
        _, vectors = linalg.eigh(gram, check_finite=False)
    return np.asarray(vectors, dtype=np.float64)
