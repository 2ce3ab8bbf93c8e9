"""Whether the pretrained backbone helps at all, said in one honest sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.closedform.linear import Float64Array
from graft.evaluation.intervals import paired_difference
from graft.evaluation.metrics import accuracy
from graft.evaluation.resampling import Measure, difference_of, resamples_for
from graft.types import FloatArray, IntArray, Interval, Json

AGAINST = "raw_pixels"
SIGNIFICANCE = 0.05
VERDICTS = {
    True: "Transfer helps",
    False: "Transfer hurts",
    None: "No difference could be shown",
}


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
    chance = sign_test(model, baseline, targets, groups)
    helps = _helps(difference, chance)
    scores = accuracy(model, targets), accuracy(baseline, targets)
    message = sentence(helps, against, scores, difference, len(targets))
    return TransferVerdict(helps, against, difference, message + _doubt(difference, chance, groups))


def _helps(difference: Interval, chance: float) -> bool | None:
    """What interval and sign test show together."""
    return difference.value > 0 if _is_clear(difference) and chance < SIGNIFICANCE else None


def _is_clear(difference: Interval) -> bool:
    return difference.low > 0 or difference.high < 0


def _doubt(difference: Interval, chance: float, groups: IntArray | None) -> str:
    """Why nothing is shown although the interval excludes 0: so few units could fall so by luck."""
    if not _is_clear(difference) or chance < SIGNIFICANCE:
        return ""
    units = "examples" if groups is None else f"groups (there are {len(np.unique(groups))})"
    return f" The exact sign test over {units} does not confirm it: p = {chance:.2f}."


def sign_test(
    model: FloatArray, baseline: FloatArray, targets: IntArray, groups: IntArray | None
) -> float:
    """Two-sided p-value that the model wins as many units as it loses (ties left out).

    Over rows this is McNemar's exact test; over groups each group has one vote.
    """
    better = (model.argmax(axis=1) == targets).astype(np.float64)
    better -= baseline.argmax(axis=1) == targets
    return sign_test_of(better, groups)


def sign_test_of(better: Float64Array, groups: IntArray | None) -> float:
    """Two-sided p-value of an exact sign test; ties are left out.

    Args:
        better: (N,) by how much each row is better; only the sign counts.
        groups: (N,) group numbers: each group has one vote, its rows' sum of signs.
    """
    votes = np.sign(better)
    if groups is not None:
        _, unit = np.unique(groups, return_inverse=True)
        votes = np.sign(np.bincount(unit, votes))
    wins, losses = int((votes > 0).sum()), int((votes < 0).sum())
    if wins + losses == 0:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(wins, losses), wins + losses, 0.5)))


def compared(
    metric: str,
    model: Measure,
    baseline: Measure,
    loss: Float64Array,
    baseline_loss: Float64Array,
    groups: IntArray | None = None,
    against: str = AGAINST,
) -> Json:
    """The verdict of `transfer_verdict` for any metric that is better the higher it is.

    Args:
        metric: A name among the figures.
        model: Weights (R, N) of the rows to the model's figures.
        baseline: The same for the baseline.
        loss: (N,) how wrong the model is on each row, for the sign test.
        baseline_loss: (N,) the same for the baseline.
        groups: (N,) group numbers; groups then count as the units, not rows.
        against: The baseline's name.

    Returns:
        `helps`, `against`, `metric`, `difference` (null where it is undefined) and `message`.
    """
    rows = len(loss)
    difference = difference_of(
        model, baseline, metric, rows, groups, resamples=resamples_for(rows, 4), seed=0
    )
    told = {"against": against, "metric": metric}
    if difference is None:
        message = f"{_words(metric)} is undefined on these {rows} test examples."
        return {"helps": None, **told, "difference": None, "message": message}
    chance = sign_test_of(baseline_loss - loss, groups)
    helps = _helps(difference, chance)
    one = np.ones((1, rows))
    scores = [float(measure(one)[metric][0]) for measure in (model, baseline)]
    message = (
        f"{VERDICTS[helps]}: {_words(metric)} {_unsigned(scores[0]):.3f} against "
        f"{_unsigned(scores[1]):.3f} for {_words(against)} on {rows} test examples, a difference "
        f"of {_unsigned(difference.value):+.3f} (95 % interval {_unsigned(difference.low):+.3f} to "
        f"{_unsigned(difference.high):+.3f}).{_doubt(difference, chance, groups)}"
    )
    return {"helps": helps, **told, "difference": difference.to_dict(), "message": message}


def _unsigned(value: float) -> float:
    """Three decimals, and no minus sign in front of zero.

    >>> f"{_unsigned(-0.0004):+.3f}"
    '+0.000'
    """
    return round(value, 3) + 0.0


def _words(name: str) -> str:
    return name.replace("_", " ")


def sentence(
    helps: bool | None,
    against: str,
    scores: tuple[float, float],
    difference: Interval,
    rows: int,
) -> str:
    """The verdict in words, with every figure it rests on."""
    name = against.replace("_", " ")
    return (
        f"{VERDICTS[helps]}: accuracy {scores[0]:.1%} against {scores[1]:.1%} for {name} on"
        f" {rows} test examples, a difference of {100 * difference.value:+.1f} points"
        f" (95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f})."
    )
