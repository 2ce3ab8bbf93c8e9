"""Coordinates in which a logistic regression has curvature about one, for L-BFGS to start from.

At its start the Hessian is about `bend * G + penalty`, the same block for every class, with G the
weighted mean outer product of the features. In principal axes G is diagonal and its root costs
nothing. Elsewhere one Cholesky factor a penalty does the same, which is far cheaper than the
axes: an eigendecomposition and a rotation of all rows cost ten such factors and more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from graft.closedform.linear import Float64Array
from graft.types import FloatArray

MARGIN = 16.0
"""Rounding errors of the Gram matrix that its smallest eigenvalue is kept away from zero by."""


class Root(ABC):
    """A root R of `bend * G + penalty = R R'`; coordinates z stand for the weight `z R^-1`."""

    @abstractmethod
    def weight(self, coordinates: Float64Array) -> Float64Array:
        """Coordinates (P, K) to the weight (P, K)."""

    @abstractmethod
    def coordinates(self, weight: Float64Array) -> Float64Array:
        """The inverse of `weight`."""

    @abstractmethod
    def gradient(self, by_weight: Float64Array) -> Float64Array:
        """The gradient by the weight (P, K) to that by the coordinates."""


class Metric(ABC):
    """What is known of G."""

    @abstractmethod
    def root(self, bend: float, penalty: float) -> Root:
        """A root of `bend * G + penalty`; both are positive."""


@dataclass(frozen=True, slots=True)
class Diagonal(Metric):
    """G in principal axes.

    Attributes:
        curvature: (K,) its diagonal.
    """

    curvature: Float64Array

    def root(self, bend: float, penalty: float) -> Root:
        """The elements' roots."""
        return _Stretch(1 / np.sqrt(bend * self.curvature + penalty))


@dataclass(frozen=True, slots=True)
class Gram(Metric):
    """G in any coordinates.

    Attributes:
        matrix: (K, K), float32 or float64; factors have this precision.
    """

    matrix: FloatArray

    def root(self, bend: float, penalty: float) -> Root:
        """A Cholesky factor, of a matrix that is kept from being singular by rounding."""
        scaled = self.matrix * self.matrix.dtype.type(bend)
        diagonal = np.einsum("kk->k", scaled)
        rounding = float(np.finfo(scaled.dtype).eps) * float(diagonal.sum())
        diagonal += max(penalty, MARGIN * rounding)
        (potrf,) = linalg.get_lapack_funcs(("potrf",), (scaled,))
        # Symmetric, so the transposed view is the same matrix in the order that LAPACK wants.
        factor, failed = potrf(scaled.T, lower=1, overwrite_a=1, clean=0)
        if failed:
            raise np.linalg.LinAlgError(f"the leading minor of order {failed} is not positive")
        return _Triangle(factor)

    def astype(self, dtype: npt.DTypeLike) -> Gram:
        """The matrix in another precision."""
        return Gram(self.matrix.astype(dtype, copy=False))


@dataclass(frozen=True, slots=True)
class _Stretch(Root):
    stretch: Float64Array

    def weight(self, coordinates: Float64Array) -> Float64Array:
        return coordinates * self.stretch

    def coordinates(self, weight: Float64Array) -> Float64Array:
        return weight / self.stretch

    def gradient(self, by_weight: Float64Array) -> Float64Array:
        return by_weight * self.stretch


@dataclass(frozen=True, slots=True)
class _Triangle(Root):
    lower: FloatArray  # (K, K) in Fortran's order; what stands above the diagonal is not read

    def weight(self, coordinates: Float64Array) -> Float64Array:
        return self._apply("trsm", coordinates, transposed=1)

    def coordinates(self, weight: Float64Array) -> Float64Array:
        return self._apply("trmm", weight, transposed=1)

    def gradient(self, by_weight: Float64Array) -> Float64Array:
        return self._apply("trsm", by_weight, transposed=0)

    def _apply(self, name: str, rows: Float64Array, *, transposed: int) -> Float64Array:
        (routine,) = linalg.get_blas_funcs((name,), (self.lower,))
        columns = rows.T.astype(self.lower.dtype)
        found = routine(1.0, self.lower, columns, lower=1, trans_a=transposed)
        return np.asarray(found.T, dtype=np.float64)
