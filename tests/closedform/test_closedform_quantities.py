from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from graft.closedform import fit_one_vs_rest, fit_probe, fit_quantities, knn_means, softmax
from graft.closedform.ridge import PENALTIES
from graft.closedform.space import standardisation

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 8)) * [1, 10, 0.1, 5, 1, 1, 1, 1] + 3
Y = np.column_stack([X @ RANDOM.normal(size=8) + RANDOM.normal(size=60), RANDOM.normal(size=60)])


def test_each_quantity_has_the_ridge_whose_rows_are_best_told_by_the_others() -> None:
    mean, scale = standardisation(X)
    standard = (X - mean) / scale
    found = fit_quantities(X, Y)
    for column in range(2):
        errors = []
        for factor in PENALTIES:
            penalty = factor * (standard**2).sum() / X.shape[1]
            left = [np.delete(np.arange(60), row) for row in range(60)]
            models = [Ridge(alpha=penalty).fit(standard[k], Y[k, column]) for k in left]
            told = [m.predict(standard[[row]])[0] for row, m in enumerate(models)]
            errors.append((np.mean((np.array(told) - Y[:, column]) ** 2), penalty))
        best = Ridge(alpha=min(errors)[1]).fit(standard, Y[:, column])
        np.testing.assert_allclose(found.logits(X)[:, column], best.predict(standard), atol=1e-8)


def test_units_change_nothing_but_the_units() -> None:
    plain, scaled = fit_quantities(X, Y), fit_quantities(X, 1000 * Y + 5e4)
    np.testing.assert_allclose(scaled.logits(X), 1000 * plain.logits(X) + 5e4, rtol=1e-9)


def test_more_features_than_rows_and_constant_features_are_no_trouble() -> None:
    assert np.isfinite(fit_quantities(RANDOM.normal(size=(5, 40)), Y[:5]).weight).all()
    flat = fit_quantities(np.ones((6, 3)), Y[:6])
    np.testing.assert_allclose(flat.logits(np.ones((1, 3)))[0], Y[:6].mean(axis=0))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        fit_quantities(X[:1], Y[:1])
    with pytest.raises(ValueError, match="do not fit"):
        fit_quantities(X, Y[:5])


def test_each_label_is_the_probe_of_two_classes() -> None:
    labels = np.column_stack([X[:, 1] > 3, X[:, 3] > 5, np.ones(60), np.zeros(60)]).astype(float)
    found = 1 / (1 + np.exp(-fit_one_vs_rest(X, labels).logits(X)))
    for number in range(2):
        alone = fit_probe(X, labels[:, number].astype(np.int64), 2).solution
        np.testing.assert_allclose(found[:, number], softmax(alone.logits(X))[:, 1], atol=1e-9)
    assert found[:, 2].min() > 0.98
    assert found[:, 3].max() < 0.02


def test_labels_must_be_marks() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        fit_one_vs_rest(X, np.full((60, 1), 0.5))


def test_neighbours_average_their_values() -> None:
    found = knn_means(X, Y, X, k=60, temperature=1e6)
    np.testing.assert_allclose(found, np.tile(Y.mean(axis=0), (60, 1)), atol=1e-5)
    np.testing.assert_allclose(knn_means(X, Y, X, k=1), Y)
    with pytest.raises(ValueError, match="positive"):
        knn_means(X, Y, X, k=0)
