"""Sufficient statistics: what ridge regression and LDA need of any number of rows, in any order.

Counts, class sums and the scatter matrix are additive, so rows may come in batches, tasks or from
several machines and be forgotten afterwards; the solutions are those of all rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from graft.closedform.linear import (
    Float64Array,
    LinearSolution,
    class_counts,
    with_absent_classes,
)
from graft.closedform.ridge import PENALTIES
from graft.closedform.threads import one_blas_thread
from graft.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is kept of the rows seen so far.

    Attributes:
        counts: (C,) rows of each class.
        sums: (C, D) sum of the features of each class.
        mean: (D,) of all rows.
        scatter: (D, D) sum of the outer products of the centred rows.
    """

    counts: IntArray
    sums: Float64Array
    mean: Float64Array
    scatter: Float64Array

    @classmethod
    def empty(cls, columns: int, classes: int) -> Statistics:
        """The statistics of no rows."""
        return cls(
            np.zeros(classes, dtype=np.int64),
            np.zeros((classes, columns)),
            np.zeros(columns),
            np.zeros((columns, columns)),
        )

    @property
    def rows(self) -> int:
        """N so far."""
        return int(self.counts.sum())

    def add(self, features: FloatArray, targets: IntArray) -> Statistics:
        """The statistics with a batch of rows added.

        Args:
            features: (B, D), at least one row.
            targets: (B,) class indices.

        Raises:
            ValueError: A target is out of range, or there are no rows.
        """
        counts = class_counts(targets, len(self.counts))
        mean = np.asarray(features.mean(axis=0, dtype=np.float64))
        centred = np.asarray(features, dtype=np.float64) - mean
        sums = np.zeros_like(self.sums)
        np.add.at(sums, targets, np.asarray(features, dtype=np.float64))
        return self.merge(Statistics(counts, sums, mean, centred.T @ centred))

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets of rows together.

        The scatter matrices are joined about the common mean (Chan, Golub and LeVeque 1983),
        which stays exact where the mean is large against the variation.
        """
        own, more = self.rows, other.rows
        if not own or not more:
            return self if own else other
        apart = other.mean - self.mean
        return Statistics(
            self.counts + other.counts,
            self.sums + other.sums,
            self.mean + apart * (more / (own + more)),
            self.scatter + other.scatter + np.outer(apart, apart) * (own * more / (own + more)),
        )

    def ridge(self, penalties: Sequence[float] | None = None) -> LinearSolution:
        """Ridge regression on one-hot targets, the penalty chosen by generalised cross-validation.

        `GCV = (RSS / N) / (1 - df / N)^2` with `df = 1 + sum_k e_k / (e_k + penalty)`, e the
        eigenvalues of the scatter matrix (Golub, Heath and Wahba 1979): no row is needed again.

        Args:
            penalties: Positive; None for `PENALTIES` times the mean eigenvalue.

        Raises:
            ValueError: There are no rows.
        """
        energy, axes = self._axes()
        shares = self.counts / self.rows
        along = (self.sums - np.outer(self.counts, self.mean)) @ axes
        length = self.rows - float((self.counts**2).sum()) / self.rows
        if penalties is None:
            penalties = [(float(energy.mean()) or 1.0) * factor for factor in PENALTIES]
        errors = [_gcv(energy, along, length, self.rows, penalty) for penalty in penalties]
        penalty = penalties[int(np.argmin(errors))]
        weight = (along / (energy + penalty)) @ axes.T
        return LinearSolution(weight, shares - weight @ self.mean)

    def lda(self) -> LinearSolution:
        """Linear discriminant analysis, the pooled covariance shrunk by the oracle approximation.

        Unlike that of Ledoit and Wolf this shrinkage needs the covariance alone (Chen, Wiesel,
        Eldar and Hero 2010, equation 23). A class without rows is never predicted.

        Raises:
            ValueError: There are no rows.
        """
        if not self.rows:
            raise ValueError("there are no rows yet")
        present = np.flatnonzero(self.counts)
        means = self.sums[present] / self.counts[present, None] - self.mean
        between = (means * self.counts[present, None]).T @ means
        covariance = shrunk_covariance((self.scatter - between) / self.rows, self.rows)
        with one_blas_thread():
            weight = linalg.solve(covariance, means.T, assume_a="pos").T
        bias = np.log(self.counts[present] / self.rows) - (weight * means).sum(axis=1) / 2
        bias = bias - weight @ self.mean
        # Below the mean of the present classes everywhere would take weight: a distant constant.
        return with_absent_classes(weight, bias, present, len(self.counts), -1e12)

    def _axes(self) -> tuple[Float64Array, Float64Array]:
        """Eigenvalues and eigenvectors of the scatter matrix."""
        if not self.rows:
            raise ValueError("there are no rows yet")
        with one_blas_thread():
            energy, axes = linalg.eigh(self.scatter)
        return np.maximum(energy, 0.0), np.asarray(axes)


def shrunk_covariance(covariance: Float64Array, rows: int) -> Float64Array:
    """A covariance (D, D) shrunk towards a multiple of the identity, never singular.

    Chen et al. (2010), equation 23, in the form that scikit-learn's `oas` has.
    """
    columns = len(covariance)
    common = float(np.trace(covariance)) / columns
    square = float((covariance**2).mean())
    above = (rows + 1) * (square - common**2 / columns)
    share = 1.0 if above <= 0 else min((square + common**2) / above, 1.0)
    floor = max(share * common, 1e-12 * common, np.finfo(np.float64).tiny * 1e20)
    return np.asarray((1 - share) * covariance + floor * np.eye(columns))


def _gcv(
    energy: Float64Array, along: Float64Array, length: float, rows: int, penalty: float
) -> float:
    fitted = along / (energy + penalty)
    residual = length - 2 * float((fitted * along).sum()) + float((fitted**2 * energy).sum())
    freedom = 1 + float((energy / (energy + penalty)).sum())
    return max(residual, 0.0) / rows / max(1 - freedom / rows, 1e-12) ** 2
