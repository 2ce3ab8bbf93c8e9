"""Streaming equals batch, in any order; scikit-learn is the reference."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.statistics import Statistics, shrunk_covariance
from graft.types import FloatArray, IntArray


def sample(rows: int = 120, columns: int = 6) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(0)
    targets = np.arange(rows) % 3
    means = 2 * random.standard_normal((3, columns)) + 100
    return random.standard_normal((rows, columns)) + means[targets], targets


def whole(features: FloatArray, targets: IntArray, classes: int = 3) -> Statistics:
    return Statistics.empty(features.shape[1], classes).add(features, targets)


@pytest.mark.parametrize("order", ["as they come", "class by class", "one by one"])
def test_batches_in_any_order_equal_the_whole(order: str) -> None:
    features, targets = sample()
    pieces = {
        "as they come": np.array_split(np.arange(120), 7),
        "class by class": [np.flatnonzero(targets == c) for c in (2, 0, 1)],
        "one by one": [np.array([row]) for row in range(119, -1, -1)],
    }[order]
    found = Statistics.empty(6, 3)
    for rows in pieces:
        found = found.add(features[rows], targets[rows])
    expected = whole(features, targets)
    assert found.counts.tolist() == expected.counts.tolist() == [40, 40, 40]
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-9, atol=1e-8)
    for solve in (Statistics.ridge, Statistics.lda):
        np.testing.assert_allclose(solve(found).weight, solve(expected).weight, rtol=1e-7)
        np.testing.assert_allclose(solve(found).bias, solve(expected).bias, rtol=1e-6)


def test_the_scatter_matrix_is_numpys_covariance() -> None:
    features, targets = sample()
    found = whole(features[:50], targets[:50]).merge(whole(features[50:], targets[50:]))
    np.testing.assert_allclose(found.scatter / 119, np.cov(features.T), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.mean, features.mean(axis=0))


def test_ridge_equals_scikit_learns_and_its_penalty_has_the_least_gcv() -> None:
    from sklearn.linear_model import Ridge

    features, targets = sample()
    one_hot = np.eye(3)[targets]
    errors = []
    for penalty in (0.1, 10.0, 1000.0):
        reference = Ridge(alpha=penalty).fit(features, one_hot)
        found = whole(features, targets).ridge([penalty])
        np.testing.assert_allclose(found.weight, reference.coef_, atol=1e-9)
        np.testing.assert_allclose(found.bias, reference.intercept_, atol=1e-7)
        centred = features - features.mean(axis=0)
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(6), centred.T)
        freedom = 1 + np.trace(hat)
        residual = ((one_hot - reference.predict(features)) ** 2).sum()
        errors.append(residual / 120 / (1 - freedom / 120) ** 2)
    best = (0.1, 10.0, 1000.0)[int(np.argmin(errors))]
    chosen = whole(features, targets).ridge((0.1, 10.0, 1000.0))
    np.testing.assert_array_equal(chosen.weight, whole(features, targets).ridge([best]).weight)


def test_the_shrunk_covariance_is_scikit_learns() -> None:
    from sklearn.covariance import oas

    features, _ = sample()
    centred = features - features.mean(axis=0)
    expected = oas(centred, assume_centered=True)[0]
    np.testing.assert_allclose(shrunk_covariance(centred.T @ centred / 120, 120), expected)


def test_lda_separates_what_is_separable_and_leaves_absent_classes_out() -> None:
    features, targets = sample()
    logits = whole(features, targets, classes=5).lda().logits(features)
    assert (logits.argmax(axis=1) == targets).mean() > 0.95
    assert whole(np.ones((4, 3)), np.array([0, 1, 0, 1])).lda().logits(np.ones((2, 3))).shape


def test_no_rows_have_no_solution() -> None:
    for solve in (Statistics.ridge, Statistics.lda):
        with pytest.raises(ValueError, match="no rows"):
            solve(Statistics.empty(2, 2))
