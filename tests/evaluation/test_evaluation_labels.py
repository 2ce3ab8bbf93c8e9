from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from graft.errors import DataError
from graft.evaluation.labels import bootstrap_labels, label_figures, per_label
from graft.evaluation.quantities import bootstrap_quantities, quantity_figures
from graft.evaluation.transfer import compared

RANDOM = np.random.default_rng(0)
TRUTH = (RANDOM.random((80, 4)) < [0.5, 0.3, 0.1, 0.7]).astype(float)
CHANCE = np.clip((TRUTH + RANDOM.normal(0.2, 0.5, (80, 4))).round(1), 0, 1)
VALUES = RANDOM.normal(size=80).round(1)
ANSWERS = (VALUES + RANDOM.normal(size=80)).round(1)


def test_figures_are_scikit_learns() -> None:
    found = {k: v.value for k, v in bootstrap_labels(CHANCE, TRUTH).items()}
    given = CHANCE >= 0.5
    clipped = np.clip(CHANCE, 1e-12, 1 - 1e-12)
    losses = [metrics.log_loss(TRUTH[:, n], clipped[:, n]) for n in range(4)]
    assert found == pytest.approx(
        {
            "mean_average_precision": metrics.average_precision_score(TRUTH, CHANCE),
            "micro_f1": metrics.f1_score(TRUTH, given, average="micro"),
            "macro_f1": metrics.f1_score(TRUTH, given, average="macro"),
            "subset_accuracy": metrics.accuracy_score(TRUTH, given),
            "hamming_loss": metrics.hamming_loss(TRUTH, given),
            "log_loss": np.mean(losses),
        }
    )
    quantities = {k: v.value for k, v in bootstrap_quantities(ANSWERS, VALUES).items()}
    assert quantities == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(VALUES, ANSWERS),
            "rmse": metrics.root_mean_squared_error(VALUES, ANSWERS),
            "r2": metrics.r2_score(VALUES, ANSWERS),
            "spearman": stats.spearmanr(VALUES, ANSWERS).statistic,
        }
    )


def test_a_weight_is_how_often_a_row_stands_there() -> None:
    counts = RANDOM.integers(0, 4, 80)
    rows = np.repeat(np.arange(80), counts)
    one, weights = np.ones((1, len(rows))), counts[None].astype(float)
    for first, second in (
        (label_figures(CHANCE, TRUTH, weights), label_figures(CHANCE[rows], TRUTH[rows], one)),
        (
            quantity_figures(ANSWERS, VALUES, weights),
            quantity_figures(ANSWERS[rows], VALUES[rows], one),
        ),
    ):
        for name, value in first.items():
            np.testing.assert_allclose(value, second[name], rtol=1e-9, err_msg=name)


def test_what_is_undefined_is_left_out() -> None:
    assert "r2" not in bootstrap_quantities(ANSWERS, np.ones(80))
    assert "spearman" not in bootstrap_quantities(np.ones(80), VALUES)
    none = bootstrap_labels(CHANCE, np.zeros((80, 4)))
    assert "mean_average_precision" not in none
    rare = per_label(CHANCE[:, :1], np.zeros((80, 1)), ("a",))[0]
    assert rare["support"] == 0
    assert rare["recall"] is None
    assert rare["average_precision"] is None


def test_intervals_hold_the_value_and_widen_with_groups() -> None:
    groups = np.arange(80) // 10
    alone, grouped = (bootstrap_labels(CHANCE, TRUTH, groups=g) for g in (None, groups))
    for name, figure in alone.items():
        assert figure.low <= figure.value <= figure.high
        assert grouped[name].value == figure.value
    perfect = bootstrap_labels(TRUTH, TRUTH)["subset_accuracy"]
    assert perfect.value == 1.0
    assert perfect.low < 1.0


def test_what_cannot_be_measured_is_refused() -> None:
    for probabilities, truth in ((CHANCE * 2, TRUTH), (CHANCE, TRUTH[:5]), (CHANCE[:0], TRUTH[:0])):
        with pytest.raises(DataError):
            bootstrap_labels(probabilities, truth)
    with pytest.raises(DataError, match="not finite"):
        bootstrap_quantities(np.array([np.nan]), np.array([1.0]))


def test_the_verdict_needs_interval_and_sign_test() -> None:
    def verdict(first: np.ndarray, second: np.ndarray) -> object:
        return compared(
            "r2",
            lambda weights: quantity_figures(first, VALUES, weights),
            lambda weights: quantity_figures(second, VALUES, weights),
            np.abs(first - VALUES),
            np.abs(second - VALUES),
        )["helps"]

    near = VALUES + 0.01
    assert verdict(near, ANSWERS) is True
    assert verdict(ANSWERS, near) is False
    assert verdict(ANSWERS, ANSWERS) is None
