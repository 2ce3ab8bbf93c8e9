"""Metrics of classes with an order."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_error

from graft.evaluation.ordered import bootstrap_ordered, kappa_gains, ordered_figures


def test_figures_equal_scikit_learns_also_with_rows_that_count_several_times() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(4), size=80)
    targets = random.integers(0, 4, 80)
    weights = random.integers(0, 3, (3, 80)).astype(float)
    found = ordered_figures(probabilities, targets, weights)
    for number, counts in enumerate(weights.astype(int)):
        answers = np.repeat(probabilities.argmax(1), counts)
        truths = np.repeat(targets, counts)
        kappa = cohen_kappa_score(truths, answers, weights="quadratic", labels=range(4))
        assert found["quadratic_kappa"][number] == pytest.approx(kappa)
        assert found["mae"][number] == pytest.approx(mean_absolute_error(truths, answers))


def test_always_the_same_answer_has_no_kappa_and_all_right_has_one() -> None:
    same = np.tile([0.7, 0.2, 0.1], (6, 1))
    targets = np.array([0, 1, 2, 0, 1, 2])
    assert bootstrap_ordered(same, targets)["quadratic_kappa"].value == pytest.approx(0)
    assert bootstrap_ordered(np.eye(3)[targets], targets)["quadratic_kappa"].value == 1
    assert "quadratic_kappa" not in bootstrap_ordered(same, np.zeros(6, dtype=np.int64))


def test_the_mean_of_what_rows_add_is_kappa() -> None:
    random = np.random.default_rng(2)
    targets = random.integers(0, 4, 60)
    probabilities = random.dirichlet(np.ones(4), size=60)
    kappa = cohen_kappa_score(targets, probabilities.argmax(1), weights="quadratic")
    assert kappa_gains(probabilities, targets).mean() == pytest.approx(kappa)
    assert (kappa_gains(np.eye(4)[targets], targets) == 1).all()
    assert kappa_gains(np.eye(4)[[1, 1]], np.array([1, 1])).tolist() == [1.0, 1.0]


def test_intervals_hold_the_value() -> None:
    random = np.random.default_rng(1)
    targets = random.integers(0, 5, 200)
    near = np.clip(targets + random.integers(-1, 2, 200), 0, 4)
    for figure in bootstrap_ordered(np.eye(5)[near] * 0.9 + 0.02, targets).values():
        assert figure.low < figure.value < figure.high
