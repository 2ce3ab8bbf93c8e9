"""The verdict says yes or no only where the test set shows it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from graft.evaluation.transfer import sign_test, transfer_verdict
from graft.types import FloatArray


def predictions(right: npt.NDArray[np.bool_]) -> FloatArray:
    """Two-class probabilities for targets 0 that are right where `right` is true."""
    first = np.where(right, 0.8, 0.3)
    return np.column_stack([first, 1 - first])


def verdict_for(wins: int, losses: int, ties: int) -> bool | None:
    model = np.array([True] * wins + [False] * losses + [True] * ties)
    baseline = np.array([False] * wins + [True] * losses + [True] * ties)
    targets = np.zeros(len(model), dtype=np.int64)
    return transfer_verdict(predictions(model), predictions(baseline), targets).helps


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "helps"),
    [
        (40, 5, 55, True),
        (5, 40, 55, False),
        (10, 9, 81, None),
        (0, 0, 50, None),
        (3, 0, 0, None),  # three pictures prove nothing
        (4, 0, 16, None),  # nor do four, where the bootstrap alone would be sure
        (6, 0, 0, True),
    ],
)
def test_the_verdict(wins: int, losses: int, ties: int, helps: bool | None) -> None:
    assert verdict_for(wins, losses, ties) is helps


@pytest.mark.parametrize(("wins", "losses"), [(6, 0), (5, 1), (10, 3), (7, 7), (0, 1)])
def test_the_sign_test_is_mcnemars_exact_test(wins: int, losses: int) -> None:
    from scipy.stats import binomtest

    model = predictions(np.array([True] * wins + [False] * losses))
    baseline = predictions(np.array([False] * wins + [True] * losses))
    targets = np.zeros(wins + losses, dtype=np.int64)
    expected = binomtest(wins, wins + losses).pvalue
    assert sign_test(model, baseline, targets, None) == pytest.approx(expected)


def test_groups_are_the_units() -> None:
    model, baseline = predictions(np.ones(40, bool)), predictions(np.zeros(40, bool))
    targets = np.zeros(40, dtype=np.int64)
    assert transfer_verdict(model, baseline, targets).helps is True
    assert transfer_verdict(model, baseline, targets, np.arange(40) // 10).helps is None


def test_the_message_gives_the_figures() -> None:
    model = predictions(np.arange(100) < 90)
    baseline = predictions(np.arange(100) < 60)
    found = transfer_verdict(model, baseline, np.zeros(100, dtype=np.int64))
    assert found.message.startswith(
        "Transfer helps: accuracy 90.0% against 60.0% for raw pixels on 100 test examples,"
        " a difference of +30.0 points (95 % interval +"
    )
    assert found.to_dict()["helps"] is True
    assert found.to_dict()["against"] == "raw_pixels"


def test_an_interval_that_few_units_made_narrow_is_doubted_in_words() -> None:
    model, baseline = predictions(np.ones(40, bool)), predictions(np.zeros(40, bool))
    targets = np.zeros(40, dtype=np.int64)
    doubt = "The exact sign test over groups (there are 4) does not confirm it: p = 0.12."
    grouped = transfer_verdict(model, baseline, targets, np.arange(40) // 10)
    assert grouped.message.endswith(doubt)
    assert "sign test" not in transfer_verdict(model, baseline, targets).message


def test_no_difference_is_said_so() -> None:
    model = predictions(np.arange(20) < 15)
    found = transfer_verdict(model, model, np.zeros(20, dtype=np.int64))
    assert found.helps is None
    assert found.message.startswith("No difference could be shown: accuracy 75.0% against 75.0%")
