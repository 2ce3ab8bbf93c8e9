"""H-score: how much of the features' variation the classes account for."""

from __future__ import annotations

import numpy as np

from graft.closedform.axes import principal_scores
from graft.closedform.lda import ledoit_wolf_shrinkage
from graft.closedform.linear import class_counts
from graft.types import FloatArray, IntArray


def h_score(features: FloatArray, targets: IntArray, classes: int, *, shrunk: bool = True) -> float:
    """tr(cov(f)^-1 cov(E[f | y])), by default with a shrunk covariance.

    Unshrunk it is the sum of squared canonical correlations of features and labels, at most
    min(C - 1, rank); with fewer rows than features it is C - 1 for any labels whatever, so only
    the shrunk one ranks backbones. The shrinkage is that of Ledoit and Wolf (2004), and the
    covariance of the class means is scaled by what it leaves.

    Source: Bao et al. (2019), "An Information-Theoretic Approach to Transferability in Task
    Transfer Learning", definition 2; shrinkage after Ibrahim et al. (2022), "Newer is not always
    better", section 4.

    Args:
        features: (N, D), at least two rows.
        targets: (N,) class indices.
        classes: C.
        shrunk: Whether to shrink.

    Raises:
        ValueError: A target is out of range, or there are fewer than two rows.

    >>> round(h_score(np.eye(3)[np.arange(30) % 3], np.arange(30) % 3, 3, shrunk=False), 6)
    2.0
    """
    counts = class_counts(targets, classes)
    if len(targets) < 2:
        raise ValueError("the H-score needs at least two rows, found 1")
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    columns = features.shape[1]
    scores = principal_scores(features, mean, np.ones(columns)).scores
    sums = np.zeros((classes, scores.shape[1]))
    np.add.at(sums, targets, scores)
    between = (sums**2 / np.maximum(counts, 1)[:, None]).sum(axis=0)
    within = (scores**2).sum(axis=0)
    if not shrunk:
        kept = within > within.max(initial=0.0) * max(features.shape) * np.finfo(np.float64).eps
        return float((between[kept] / within[kept]).sum())
    if not within.any():
        return 0.0
    rows = len(targets)
    share = ledoit_wolf_shrinkage(scores, columns)
    eigenvalues = (1 - share) * within / rows + share * float(within.sum()) / rows / columns
    kept = eigenvalues > 0
    return float(((1 - share) * between[kept] / (rows - 1) / eigenvalues[kept]).sum())
