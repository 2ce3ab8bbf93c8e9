"""Nearest class mean and shrunk LDA against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.axes import principal_scores
from graft.closedform.lda import fit_lda, ledoit_wolf_shrinkage
from graft.closedform.linear import softmax
from graft.closedform.means import fit_nearest_mean
from graft.types import FloatArray, IntArray


def sample(rows: int, columns: int, classes: int = 3) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(columns)
    targets = np.arange(rows) % classes
    means = 2 * random.standard_normal((classes, columns))
    return random.standard_normal((rows, columns)) + means[targets] + 1, targets


def test_nearest_mean_is_the_nearest() -> None:
    x, y = sample(30, 4)
    found = fit_nearest_mean(x, y, 3)
    unit = (x - x.mean(axis=0)) / np.linalg.norm(x - x.mean(axis=0), axis=1, keepdims=True)
    means = np.stack([unit[y == c].mean(axis=0) for c in range(3)])
    distance = ((unit[:, None] - means) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.logits(x).argmax(axis=1), distance.argmin(axis=1))
    np.testing.assert_allclose(found.logits(x), 0.5 - distance / 2, atol=1e-12)


def test_nearest_mean_never_predicts_an_absent_class() -> None:
    x, y = sample(30, 4)
    logits = fit_nearest_mean(x, y, 5).logits(
        50 * np.random.default_rng(0).standard_normal((99, 4))
    )
    assert logits.argmax(axis=1).max() == 2
    assert np.isfinite(logits).all()


@pytest.mark.parametrize(("rows", "columns"), [(60, 5), (12, 40)])
def test_shrinkage_equals_scikit_learns(rows: int, columns: int) -> None:
    from sklearn.covariance import ledoit_wolf

    x = np.random.default_rng(0).standard_normal((rows, columns)) * np.linspace(1, 4, columns)
    x -= x.mean(axis=0)
    scores = principal_scores(x, np.zeros(columns), np.ones(columns)).scores
    expected = ledoit_wolf(x, assume_centered=True)[1]
    assert ledoit_wolf_shrinkage(scores, columns) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(60, 5), (12, 40)])
def test_lda_equals_bayes_with_scikit_learns_covariance(rows: int, columns: int) -> None:
    from sklearn.covariance import ledoit_wolf

    x, y = sample(rows, columns)
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    covariance = ledoit_wolf(x - means[y], assume_centered=True)[0]
    weight = np.linalg.solve(covariance, means.T).T
    logits = x @ weight.T - (weight * means).sum(axis=1) / 2 + np.log(np.bincount(y) / rows)
    np.testing.assert_allclose(softmax(fit_lda(x, y, 3).logits(x)), softmax(logits), atol=1e-8)


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("rows", [61, 17])
def test_lda_equals_scikit_learns_at_a_fixed_shrinkage(rows: int, shrinkage: float) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, y = sample(rows, 8)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
    found = fit_lda(x, y, 3, shrinkage=shrinkage)
    np.testing.assert_allclose(softmax(found.logits(x)), reference.predict_proba(x), atol=1e-9)


def test_estimated_shrinkage_predicts_nearly_as_scikit_learns() -> None:
    """Its `auto` shrinks each class's covariance, here the pooled one: close, not equal."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, y = sample(240, 20)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, y)
    rows = x + np.random.default_rng(0).standard_normal(x.shape)
    agreement = (fit_lda(x, y, 3).logits(rows).argmax(axis=1) == reference.predict(rows)).mean()
    assert agreement > 0.97


def test_a_shrinkage_out_of_range_is_refused() -> None:
    x, y = sample(30, 4)
    with pytest.raises(ValueError, match="shrinkage"):
        fit_lda(x, y, 3, shrinkage=1.5)


def test_one_example_a_class_is_the_nearest_mean() -> None:
    x, y = sample(3, 6)
    rows = np.random.default_rng(1).standard_normal((50, 6))
    distance = ((rows[:, None] - x) ** 2).sum(axis=2)
    found = fit_lda(x, y, 3).logits(rows).argmax(axis=1)
    np.testing.assert_array_equal(found, y[distance.argmin(axis=1)])


def test_lda_never_predicts_an_absent_class_and_survives_equal_rows() -> None:
    x, y = sample(30, 4)
    rows = 100 * np.random.default_rng(0).standard_normal((99, 4))
    assert fit_lda(x, y, 5).logits(rows).argmax(axis=1).max() <= 2
    assert np.isfinite(fit_lda(np.ones((4, 3)), np.array([0, 1, 0, 1]), 2).weight).all()
