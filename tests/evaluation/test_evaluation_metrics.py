"""Every metric equals scikit-learn's, on random and on hard inputs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.errors import DataError
from graft.evaluation.calibration import reliability
from graft.evaluation.metrics import METRICS, accuracy, ece, log_loss
from graft.types import FloatArray, IntArray


def scikit_learn(probabilities: FloatArray, targets: IntArray) -> dict[str, float]:
    from sklearn import metrics

    predicted = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes without rows
        return {
            "accuracy": metrics.accuracy_score(targets, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(targets, predicted),
            "macro_f1": metrics.f1_score(targets, predicted, average="macro", zero_division=0),
            "log_loss": metrics.log_loss(
                targets, probabilities, labels=range(probabilities.shape[1])
            ),
        }


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 40),
    classes=st.integers(2, 6),
    sharp=st.sampled_from([0.05, 1.0, 20.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_equal_to_scikit_learn(
    seed: int, rows: int, classes: int, sharp: float, dtype: type[np.floating[np.typing.NBitBase]]
) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, sharp), rows).astype(dtype)
    targets = random.integers(0, random.integers(1, classes + 1), rows)
    for name, expected in scikit_learn(probabilities, targets).items():
        assert METRICS[name](probabilities, targets) == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize(
    ("probabilities", "targets"),
    [
        ([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], [0, 1, 1]),  # ties: the first class
        ([[1.0, 0.0], [1.0, 0.0]], [0, 1]),  # certain and wrong: clipped
        ([[0.2, 0.7, 0.1]], [1]),  # one row
        ([[0.2, 0.7, 0.1]], [2]),
        ([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]], [0, 0]),  # one class occurs, another is predicted
    ],
)
def test_hard_inputs_equal_scikit_learn(
    probabilities: list[list[float]], targets: list[int]
) -> None:
    found, truth = np.array(probabilities), np.array(targets)
    for name, expected in scikit_learn(found, truth).items():
        assert METRICS[name](found, truth) == pytest.approx(expected), name


def test_ties_go_to_the_first_class() -> None:
    assert accuracy(np.full((4, 3), 1 / 3), np.array([0, 0, 1, 2])) == 0.5


@pytest.mark.parametrize("right", [0, 3, 10])
def test_ece_of_certainty_is_the_error_rate(right: int) -> None:
    probabilities = np.tile([1.0, 0.0], (10, 1))
    assert ece(probabilities, (np.arange(10) >= right).astype(int)) == pytest.approx(1 - right / 10)


def test_ece_golden() -> None:
    # bins (9/15, 10/15]: 0.61, 0.65 half right; (13/15, 14/15]: 0.9 wrong
    probabilities = np.array([[0.61, 0.39], [0.65, 0.35], [0.9, 0.1]])
    assert ece(probabilities, np.array([0, 1, 1])) == pytest.approx((2 * 0.13 + 0.9) / 3)


def test_ece_vanishes_where_labels_follow_the_probabilities() -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0, 1, 40000)
    targets = (random.uniform(0, 1, 40000) > first).astype(int)
    assert ece(np.column_stack([first, 1 - first]), targets) < 0.015


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_reliability_bins_add_up_to_the_ece(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(3), 50)
    targets = random.integers(0, 3, 50)
    bins = reliability(probabilities, targets)
    gaps = [
        row.count * abs(row.confidence - row.accuracy)
        for row in bins
        if row.confidence is not None and row.accuracy is not None
    ]
    assert sum(row.count for row in bins) == 50
    assert sum(gaps) / 50 == pytest.approx(ece(probabilities, targets))
    for row in bins:
        assert (row.count == 0) == (row.confidence is None) == (row.accuracy is None)
        if row.confidence is not None:
            assert row.low < row.confidence <= row.high + 1e-12


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    assert [b.count for b in reliability(np.array([[0.5, 0.5]]), np.array([0]), bins=2)] == [1, 0]


def test_log_loss_is_finite_for_impossible_rows() -> None:
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(2**-52))


@pytest.mark.parametrize(
    ("probabilities", "targets", "words"),
    [
        (np.zeros((0, 2)), np.zeros(0, dtype=int), "not one row"),
        (np.full((2, 2), 0.5), np.array([0]), "do not belong"),
        (np.full((1, 2), 0.5), np.array([2]), "Targets run"),
        (np.full((1, 2), 0.5), np.array([-1]), "Targets run"),
        (np.array([[np.nan, 0.5]]), np.array([0]), "between 0 and 1"),
        (np.array([[1.5, -0.5]]), np.array([0]), "between 0 and 1"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    probabilities: FloatArray, targets: IntArray, words: str
) -> None:
    for metric in METRICS.values():
        with pytest.raises(DataError, match=words):
            metric(probabilities, targets)
