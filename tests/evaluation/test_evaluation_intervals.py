"""Claims about intervals: they hold the value, cover the truth and admit doubt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.errors import DataError, UnknownNameError
from graft.evaluation import intervals
from graft.evaluation.intervals import bootstrap, draws, paired_difference, wilson
from graft.evaluation.metrics import METRICS
from graft.evaluation.sums import FIGURES
from graft.types import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


def sample(rows: int, classes: int = 3, seed: int = 0) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, rows)
    logits = random.standard_normal((rows, classes)) + 1.5 * np.eye(classes)[targets]
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True), targets


def hits(right: BoolArray) -> tuple[FloatArray, IntArray]:
    """Two-class predictions that are right where `right` is true."""
    first = np.where(right, 0.8, 0.3)
    return np.column_stack([first, 1 - first]), np.zeros(len(right), dtype=np.int64)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 30), grouped=st.booleans())
def test_every_interval_holds_its_value(seed: int, rows: int, grouped: bool) -> None:
    probabilities, targets = sample(rows, seed=seed)
    groups = np.arange(rows) // 3 if grouped else None
    found = bootstrap(probabilities, targets, groups=groups, resamples=50)
    assert set(found) == set(METRICS)
    for name, figure in found.items():
        assert figure.value == pytest.approx(METRICS[name](probabilities, targets))
        assert figure.low <= figure.value <= figure.high
        assert np.isfinite([figure.low, figure.high]).all()


def test_resampled_sums_equal_the_metrics_of_the_drawn_rows() -> None:
    probabilities, targets = sample(25)
    counts = np.concatenate(list(draws(25, 7, seed=3)))
    drawn = intervals.resampled_sums(probabilities, targets, None, 7, 3)
    for resample in range(7):
        rows = np.repeat(np.arange(25), counts[resample].astype(int))
        for name, metric in METRICS.items():
            assert FIGURES[name](drawn)[resample] == pytest.approx(
                metric(probabilities[rows], targets[rows])
            ), name


def test_groups_are_drawn_whole() -> None:
    probabilities, targets = sample(24)
    groups = np.array([7, 2, 9, 2] * 6)
    drawn = intervals.resampled_sums(probabilities, targets, groups, 50, 0)
    assert set(drawn.rows) <= {6.0 * a + 12.0 * b for a in range(4) for b in range(4)}
    assert len(set(drawn.rows)) > 1


def test_one_row_a_group_is_no_grouping() -> None:
    probabilities, targets = sample(40)
    grouped = bootstrap(probabilities, targets, groups=np.arange(40))
    for name, figure in bootstrap(probabilities, targets).items():
        assert grouped[name].low == pytest.approx(figure.low), name
        assert grouped[name].high == pytest.approx(figure.high), name


def test_blocks_do_not_change_the_number_of_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "DRAWS_PER_BLOCK", 100)
    counts = np.concatenate(list(draws(30, 11, seed=0)))
    assert counts.shape == (11, 30)
    assert (counts.sum(axis=1) == 30).all()


def test_repeated_rows_in_groups_are_no_more_certain() -> None:
    probabilities, targets = sample(60)
    times = np.repeat(np.arange(60), 10)
    once = bootstrap(probabilities, targets)["accuracy"]
    grouped = bootstrap(probabilities[times], targets[times], groups=times)["accuracy"]
    naive = bootstrap(probabilities[times], targets[times])["accuracy"]
    assert grouped.high - grouped.low == pytest.approx(once.high - once.low, rel=0.01)
    assert naive.high - naive.low < 0.5 * (once.high - once.low)


def test_coverage_of_the_accuracy_interval() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        found = bootstrap(*hits(random.random(200) < 0.8), resamples=400, seed=trial)["accuracy"]
        covered += found.low <= 0.8 <= found.high
    assert 0.92 <= covered / 300 <= 0.98


def test_accuracy_interval_has_the_normal_width() -> None:
    found = bootstrap(*hits(np.arange(1000) % 5 > 0))["accuracy"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 1000), rel=0.1)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_all_right_still_admits_doubt(name: str) -> None:
    targets = np.arange(20) % 4
    found = bootstrap(np.eye(4)[targets], targets)[name]
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)


def test_a_rare_class_makes_the_balanced_accuracy_doubtful() -> None:
    targets = np.array([0] * 98 + [1] * 2)
    found = bootstrap(np.eye(2)[targets], targets)
    assert found["balanced_accuracy"].low < found["accuracy"].low - 0.2


def test_all_right_in_few_groups_counts_the_groups() -> None:
    targets = np.arange(40) % 2
    found = bootstrap(np.eye(2)[targets], targets, groups=np.arange(40) // 10)["accuracy"]
    assert found.low == pytest.approx(4 / (4 + 1.96**2), abs=1e-3)


@pytest.mark.parametrize(
    ("share", "number", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3
    [(81 / 263, 263, 0.2553, 0.3662), (15 / 148, 148, 0.0624, 0.1605), (0.0, 20, 0.0, 0.1611)],
)
def test_wilson_golden(share: float, number: int, low: float, high: float) -> None:
    np.testing.assert_allclose(wilson(share, number), (low, high), atol=1e-4)


def test_a_model_differs_from_itself_by_nothing() -> None:
    probabilities, targets = sample(50)
    for name in METRICS:
        found = paired_difference(probabilities, probabilities, targets, name)
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_difference_changes_sign_with_the_order() -> None:
    first, targets = sample(80)
    second = sample(80, seed=5)[0]
    forth = paired_difference(first, second, targets)
    back = paired_difference(second, first, targets)
    assert (forth.value, forth.low, forth.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )


def test_pairing_is_narrower_than_two_separate_intervals() -> None:
    right = np.random.default_rng(0).random(400) < 0.7
    worse = right.copy()
    worse[:20] = False
    (a, targets), (b, _) = hits(right), hits(worse)
    found = paired_difference(a, b, targets)
    alone = bootstrap(a, targets)["accuracy"]
    assert found.low > 0
    assert found.high - found.low < 0.6 * (alone.high - alone.low)


def test_same_seed_same_interval() -> None:
    probabilities, targets = sample(50)
    assert bootstrap(probabilities, targets, seed=4) == bootstrap(probabilities, targets, seed=4)
    assert bootstrap(probabilities, targets, seed=4) != bootstrap(probabilities, targets, seed=5)


def test_unknown_metrics_and_wrong_groups_are_refused() -> None:
    probabilities, targets = sample(10)
    with pytest.raises(UnknownNameError, match="accuracy"):
        paired_difference(probabilities, probabilities, targets, "acuracy")
    with pytest.raises(DataError, match="9 groups for 10 rows"):
        bootstrap(probabilities, targets, groups=np.arange(9))
