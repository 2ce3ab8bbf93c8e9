"""Whether the pretrained backbone helps at all, said in one honest sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.evaluation.intervals import paired_difference
from graft.evaluation.metrics import accuracy
from graft.types import FloatArray, IntArray, Interval, Json

AGAINST = "raw_pixels"
SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class TransferVerdict:
    """The answer to "does transfer help?".

    Attributes:
        helps: True or False where the test set shows it, None where it cannot.
        against: Name of the baseline.
        difference: Accuracy of the model minus that of the baseline.
        message: One sentence with the figures.
    """

    helps: bool | None
    against: str
    difference: Interval
    message: str

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {
            "helps": self.helps,
            "against": self.against,
            "difference": self.difference.to_dict(),
            "message": self.message,
        }


def transfer_verdict(
    model: FloatArray,
    baseline: FloatArray,
    targets: IntArray,
    groups: IntArray | None = None,
    against: str = AGAINST,
) -> TransferVerdict:
    """Compare a model with a baseline on the same test rows.

    Transfer helps (or hurts) only if the paired 95 % bootstrap interval of the difference in
    accuracy excludes 0 and the exact sign test agrees at 5 % (`sign_test`): on few rows the
    bootstrap alone is too sure. Otherwise the verdict is None.

    Args:
        model: (N, C) probabilities of the model.
        baseline: (N, C) probabilities of the baseline.
        targets: (N,) class indices.
        groups: (N,) group numbers; groups then count as the units, not rows.
        against: The baseline's name.

    Raises:
        DataError: As for `graft.evaluation.bootstrap`.
    """
    difference = paired_difference(model, baseline, targets, "accuracy", groups)
    shown = (difference.low > 0 or difference.high < 0) and (
        sign_test(model, baseline, targets, groups) < SIGNIFICANCE
    )
    helps = difference.value > 0 if shown else None
    scores = accuracy(model, targets), accuracy(baseline, targets)
    message = sentence(helps, against, scores, difference, len(targets))
    return TransferVerdict(helps, against, difference, message)


def sign_test(
    model: FloatArray, baseline: FloatArray, targets: IntArray, groups: IntArray | None
) -> float:
    """Two-sided p-value that the model wins as many units as it loses (ties left out).

    Over rows this is McNemar's exact test; over groups each group has one vote.
    """
    better = (model.argmax(axis=1) == targets).astype(np.int64)
    better -= baseline.argmax(axis=1) == targets
    if groups is not None:
        _, unit = np.unique(groups, return_inverse=True)
        better = np.sign(np.bincount(unit, better)).astype(np.int64)
    wins, losses = int((better > 0).sum()), int((better < 0).sum())
    if wins + losses == 0:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(wins, losses), wins + losses, 0.5)))


def sentence(
    helps: bool | None,
    against: str,
    scores: tuple[float, float],
    difference: Interval,
    rows: int,
) -> str:
    """The verdict in words, with every figure it rests on."""
    verdicts = {
        True: "Transfer helps",
        False: "Transfer hurts",
        None: "No difference could be shown",
    }
    name = against.replace("_", " ")
    return (
        f"{verdicts[helps]}: accuracy {scores[0]:.1%} against {scores[1]:.1%} for {name} on"
        f" {rows} test examples, a difference of {100 * difference.value:+.1f} points"
        f" (95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f})."
    )
