"""Whether a probability means what it says: the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from graft.evaluation.sums import ECE_BINS, check, confidence_bins
from graft.types import FloatArray, IntArray, Json


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows whose confidence, the highest probability, lies in (low, high].

    Attributes:
        low: Lower edge, excluded.
        high: Upper edge, included.
        count: Rows in the bin.
        confidence: Their mean confidence; None in an empty bin.
        accuracy: The share of them that is right; None in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return asdict(self)


def reliability(
    probabilities: FloatArray, targets: IntArray, bins: int = ECE_BINS
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy in bins of equal width (Guo et al. 2017, section 2).

    Their count-weighted mean gap is the metric `ece`.

    Args:
        probabilities: (N, C).
        targets: (N,) class indices.
        bins: Number of bins.

    Raises:
        DataError: As `graft.evaluation.sums.check` says.

    >>> [(b.count, b.accuracy) for b in reliability(np.eye(2), np.array([0, 0]), bins=2)]
    [(0, None), (2, 0.5)]
    """
    check(probabilities, targets)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    place = confidence_bins(confidence, bins)
    count = np.bincount(place, minlength=bins)
    mean_confidence = np.bincount(place, confidence, bins) / np.maximum(count, 1)
    mean_right = np.bincount(place, right, bins) / np.maximum(count, 1)
    edges = np.linspace(0, 1, bins + 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[index]),
            high=float(edges[index + 1]),
            count=int(count[index]),
            confidence=float(mean_confidence[index]) if count[index] else None,
            accuracy=float(mean_right[index]) if count[index] else None,
        )
        for index in range(bins)
    )
