"""The probe on several views of each row: a row counts once, and its views stay together."""

from __future__ import annotations

import numpy as np

from graft.closedform import fit_probe


def problem(rows: int = 60, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    targets = np.arange(rows) % 3
    features = random.normal(size=(rows, columns))
    features[np.arange(rows), targets] += 1.0
    return features, targets


def test_equal_views_change_nothing() -> None:
    features, targets = problem()
    one = fit_probe(features, targets, 3, shrinkage=0.0)
    three = fit_probe(np.tile(features, (3, 1)), targets, 3, views=3, shrinkage=0.0)
    assert three.penalty == one.penalty
    np.testing.assert_allclose(list(three.scores.values()), list(one.scores.values()), rtol=1e-3)
    np.testing.assert_allclose(three.solution.weight, one.solution.weight, atol=1e-4)


def test_equal_views_change_nothing_with_weights_and_validation() -> None:
    features, targets = problem()
    held_out = (features[:30] + 0.1, targets[:30])
    weights = np.where(targets == 0, 2.0, 1.0)
    one = fit_probe(features, targets, 3, weights=weights, validation=held_out, shrinkage=0.0)
    two = fit_probe(
        np.tile(features, (2, 1)),
        targets,
        3,
        weights=weights,
        validation=held_out,
        views=2,
        shrinkage=0.0,
    )
    assert one.chosen_by == two.chosen_by == "validation"
    np.testing.assert_allclose(two.solution.weight, one.solution.weight, atol=1e-4)


def test_views_of_a_held_out_row_do_not_leak_into_its_fold() -> None:
    """On noise the strongest penalty is best; a copy in the training fold would hide that."""
    random = np.random.default_rng(1)
    features, targets = random.normal(size=(80, 40)), np.arange(80) % 2
    copies = np.concatenate([features, features + random.normal(scale=0.01, size=features.shape)])
    assert fit_probe(copies, targets, 2, views=2).penalty >= 0.03
