"""Nearest class mean: the few-shot head with nothing to tune."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.closedform.linear import Float64Array, class_counts
from graft.closedform.neighbours import unit_rows
from graft.types import FloatArray, IntArray

ABSENT = -3.0
"""Logit of a class without examples: below the least that a class mean can give, -3/2."""


@dataclass(frozen=True, slots=True)
class NearestMean:
    """Class means of centred features on the unit sphere.

    Attributes:
        centre: (D,) mean of the training features.
        means: (C, D) class means after centring and normalising; NaN-free, zero where absent.
        present: (C,) whether a class had examples.
    """

    centre: Float64Array
    means: Float64Array
    present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    def logits(self, features: FloatArray) -> Float64Array:
        """Logits (N, C): minus half the squared distance to each mean, up to a constant."""
        rows = unit_rows(features - self.centre)
        logits = rows @ self.means.T - (self.means**2).sum(axis=1) / 2
        return np.where(self.present, logits, ABSENT)


def fit_nearest_mean(features: FloatArray, targets: IntArray, classes: int) -> NearestMean:
    """Nearest class mean on centred, L2-normalised features.

    SimpleShot's CL2N (Wang et al. 2019, section 3): subtract the training mean, divide each row
    by its length, average by class, classify by Euclidean distance.

    Args:
        features: (N, D).
        targets: (N,) class indices.
        classes: C. A class without examples is never predicted.

    Raises:
        ValueError: A target is out of range, or there are no rows.
    """
    counts = class_counts(targets, classes)
    centre = np.asarray(features.mean(axis=0, dtype=np.float64))
    rows = unit_rows(features - centre)
    sums = np.zeros((classes, features.shape[1]))
    np.add.at(sums, targets, rows)
    return NearestMean(centre, sums / np.maximum(counts, 1)[:, None], counts > 0)
