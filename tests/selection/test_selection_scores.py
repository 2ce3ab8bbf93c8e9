"""Scores of features: honest leave-one-out, and planted orders come out."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import fit_quantities, fit_ridge, quantities_left_out
from graft.closedform.axes import principal_scores
from graft.closedform.ridge import PENALTIES, leave_one_out
from graft.closedform.space import standardisation
from graft.errors import DataError
from graft.selection.scores import (
    SCORES,
    mean_ranks,
    require_scores,
    ridge_over_tasks,
    score_features,
    share,
)
from graft.selection.task_scores import KIND_SCORES
from graft.tasks.several import one_of_classes
from graft.types import KINDS, FloatArray, Task

BOTH = (
    Task("multi-label", ("a", "b", "never"), "tags"),
    Task("regression", column="size"),
)


def classes(count: int) -> tuple[Task, ...]:
    return one_of_classes(count)


def test_planted_backbones_are_ranked_in_order_by_every_score() -> None:
    random = np.random.default_rng(0)
    targets = np.arange(120) % 4
    signal = np.eye(4)[targets] @ random.standard_normal((4, 16))
    noise = random.standard_normal((120, 16))
    scores = [
        score_features(signal + s * noise, classes(4), targets) for s in (0.7, 1.5, 3.0, 20.0)
    ]
    values = [found.values() for found in scores]
    for name in SCORES:
        column = [candidate[name] for candidate in values]
        assert column == sorted(column, reverse=True), name
    assert mean_ranks(values) == sorted(mean_ranks(values))
    for found in scores:
        assert found.ridge.low <= found.ridge.value <= found.ridge.high
        assert found.gains.mean() == found.ridge.value


def test_ridge_gains_equal_leaving_each_row_out() -> None:
    random = np.random.default_rng(0)
    targets = np.arange(30) % 3
    features = random.standard_normal((30, 5)) + targets[:, None]
    path = fit_ridge(features, targets, 3)
    penalty = float(path.penalties[path.best])
    expected = []
    for row in range(30):
        kept = np.arange(30) != row
        refitted = fit_ridge(features[kept], targets[kept], 3, penalties=[penalty]).solution(0)
        expected.append(refitted.logits(features[[row]]).argmax() == targets[row])
    assert ridge_over_tasks(features, classes(3), targets).tolist() == expected


def test_random_labels_are_at_chance() -> None:
    random = np.random.default_rng(0)
    features, targets = random.standard_normal((200, 400)), random.integers(0, 4, 200)
    found = score_features(features, classes(4), targets)
    assert found.knn.low < 0.3
    assert found.ridge.low < 0.3


def test_features_that_are_not_finite_and_single_rows_are_refused() -> None:
    features = np.ones((4, 2))
    features[0, 0] = np.nan
    with pytest.raises(DataError, match="not all finite"):
        score_features(features, classes(2), np.array([0, 1, 0, 1]))
    with pytest.raises(DataError, match="one row"):
        score_features(np.ones((1, 2)), classes(2), np.array([0]))


def test_ties_share_a_place() -> None:
    equal = {"a": 1.0, "b": 2.0}
    assert mean_ranks([equal, equal]) == [1.5, 1.5]
    assert mean_ranks([]) == []


def both(features: FloatArray, missing: bool) -> FloatArray:
    """Targets of `BOTH`, linear in the features; a third of the rows lacks the quantity."""
    size = 1000 * features[:, 2]
    size[::3] = np.nan if missing else size[::3]
    return np.column_stack([features[:, :2] > 0, np.zeros(len(features)), size]).astype(float)


def test_labels_and_quantities_are_ranked_in_order_by_every_score() -> None:
    random = np.random.default_rng(1)
    signal, noise = random.standard_normal((120, 6)), random.standard_normal((120, 6))
    targets = both(signal, missing=True)
    scores = [score_features(signal + s * noise, BOTH, targets) for s in (0.0, 1.0, 30.0)]
    for name in SCORES:
        column = [found.values()[name] for found in scores]
        assert column == sorted(column, reverse=True), name
    assert scores[0].ridge.value > 0.7
    assert scores[2].ridge.value < 0.2
    assert all(f.ridge.low < f.ridge.value < f.ridge.high for f in scores)


def test_the_unit_of_a_quantity_does_not_matter() -> None:
    features = np.random.default_rng(0).standard_normal((50, 4))
    task, values = (Task("regression"),), features[:, :1] + features[:, 1:2] ** 2
    first = score_features(features, task, values).values()
    again = score_features(features, task, 1000 * values + 5).values()
    assert all(again[name] == pytest.approx(first[name], abs=1e-9) for name in SCORES)


def test_quantities_left_out_equal_leaving_each_row_out() -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((20, 3))
    values = features @ random.standard_normal((3, 2)) + random.standard_normal((20, 2))
    found = quantities_left_out(features, values)
    mean, scale = standardisation(features)
    turned = principal_scores(features, mean, scale)
    energy = float(np.vdot(turned.scores, turned.scores)) / 3
    errors = [leave_one_out(turned.scores, values, energy * p) for p in PENALTIES]
    for column in range(2):
        best = min(errors, key=lambda e: float((e[:, column] ** 2).sum()))
        np.testing.assert_allclose(found[:, column], values[:, column] - best[:, column])
    explained = 1 - ((found - values) ** 2).sum(axis=0) / ((values - values.mean(0)) ** 2).sum(0)
    fitted = fit_quantities(features, values).logits(features)
    whole = 1 - ((fitted - values) ** 2).sum(axis=0) / ((values - values.mean(0)) ** 2).sum(0)
    assert (explained < whole).all()


def test_a_mean_over_rows_has_a_normal_interval_and_shares_have_wilsons() -> None:
    gains = np.array([0.5, 1.0, -0.5, 1.0])
    found = share(gains)
    assert found.value == 0.5
    assert found.high - 0.5 == pytest.approx(1.96 * gains.std() / 2, rel=1e-3)
    assert share(np.ones(4)).high == pytest.approx(1.0)
    assert share(np.ones(4)).low > 0.5


def test_every_kind_of_task_is_scored_or_refused() -> None:
    assert set(KIND_SCORES) | {"translation"} == set(KINDS)
    require_scores([Task(kind) for kind in KIND_SCORES])
    with pytest.raises(DataError, match="cannot judge translation"):
        require_scores([Task("translation")])
