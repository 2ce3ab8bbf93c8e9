"""Logistic regression for classes with an order."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import OrderedProblem, fit_logistic, fit_ordered, fit_probe, softmax
from graft.types import FloatArray, IntArray


def on_a_scale(
    rows: int, columns: int = 30, classes: int = 5, seed: int = 0
) -> tuple[FloatArray, IntArray]:
    """Rows whose place on one hidden scale, with noise, is their class."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, columns))
    scale = 2 * features[:, 0] + features[:, 1] + random.normal(size=rows)
    edges = np.quantile(2.4 * random.normal(size=4000), np.linspace(0, 1, classes + 1)[1:-1])
    return features, np.digitize(scale, edges).astype(np.int64)


def test_the_weights_are_equally_spaced_and_the_gradient_vanishes() -> None:
    features, targets = on_a_scale(200, columns=6)
    problem = OrderedProblem.build(features - features.mean(0), targets, None)
    found = problem.solve(1e-2, problem.start())
    gaps = np.diff(found.weight, axis=0)
    assert np.allclose(gaps, gaps[0])
    _, by_weight, by_bias = problem.value_and_gradient(found.weight, found.bias, 1e-2)
    assert isinstance(problem, OrderedProblem)
    assert np.abs(problem.steps @ by_weight).max() < 1e-5
    assert np.abs(by_bias).max() < 1e-5


def test_with_two_classes_the_order_says_nothing() -> None:
    features, targets = on_a_scale(80, columns=4, classes=2)
    centred = features - features.mean(0)
    problem = OrderedProblem.build(centred, targets, None)
    ordered = problem.solve(1e-2, problem.start())
    plain = fit_logistic(centred, targets, 2, penalty=1e-2)
    found, expected = softmax(ordered.logits(centred)), softmax(plain.logits(centred))
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_row_more_on_the_scale_is_a_constant_factor_between_neighbours() -> None:
    """log(p[c + 1] / p[c]) = u x + t[c]: its slope is the same for every c."""
    features, targets = on_a_scale(300, columns=3)
    problem = OrderedProblem.build(features, targets, None)
    found = problem.solve(1e-3, problem.start())
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    ratios = np.diff(np.log(softmax(found.logits(points))), axis=1)
    assert np.allclose(ratios[1] - ratios[0], (ratios[1] - ratios[0])[0])
    assert (ratios[1] - ratios[0])[0] > 0


def test_on_a_scale_with_few_rows_the_order_helps() -> None:
    features, targets = on_a_scale(60)
    held_out, truths = on_a_scale(2000, seed=1)
    steps = {}
    for name, fit in {"ordered": fit_ordered, "plain": fit_probe}.items():
        answers = fit(features, targets, 5).solution.logits(held_out).argmax(axis=1)
        steps[name] = np.abs(answers - truths).mean()
    assert steps["ordered"] < 0.9 * steps["plain"]


def test_without_an_order_in_the_data_the_plain_solution_is_taken() -> None:
    random = np.random.default_rng(0)
    targets = np.arange(150) % 3
    places = np.array([[0.0, 2.0], [4.0, 0.0], [0.0, -2.0]])  # the middle class is at the side
    features = places[targets] + random.normal(size=(150, 2))
    found, plain = fit_ordered(features, targets, 3), fit_probe(features, targets, 3)
    assert np.array_equal(found.solution.weight, plain.solution.weight)
