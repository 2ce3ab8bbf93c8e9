"""Scores of features: honest leave-one-out, and planted orders come out."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import fit_ridge
from graft.errors import DataError
from graft.selection.scores import SCORES, mean_ranks, ridge_right, score_features


def test_planted_backbones_are_ranked_in_order_by_every_score() -> None:
    random = np.random.default_rng(0)
    targets = np.arange(120) % 4
    signal = np.eye(4)[targets] @ random.standard_normal((4, 16))
    noise = random.standard_normal((120, 16))
    scores = [score_features(signal + s * noise, targets, 4) for s in (0.7, 1.5, 3.0, 20.0)]
    values = [found.values() for found in scores]
    for name in SCORES:
        column = [candidate[name] for candidate in values]
        assert column == sorted(column, reverse=True), name
    assert mean_ranks(values) == sorted(mean_ranks(values))
    for found in scores:
        assert found.ridge.low <= found.ridge.value <= found.ridge.high
        assert found.right.mean() == found.ridge.value


def test_ridge_right_equals_leaving_each_row_out() -> None:
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
    assert ridge_right(features, targets, 3).tolist() == expected


def test_random_labels_are_at_chance() -> None:
    random = np.random.default_rng(0)
    features, targets = random.standard_normal((200, 400)), random.integers(0, 4, 200)
    found = score_features(features, targets, 4)
    assert found.knn.low < 0.3
    assert found.ridge.low < 0.3


def test_features_that_are_not_finite_and_single_rows_are_refused() -> None:
    features = np.ones((4, 2))
    features[0, 0] = np.nan
    with pytest.raises(DataError, match="not all finite"):
        score_features(features, np.array([0, 1, 0, 1]), 2)
    with pytest.raises(DataError, match="one row"):
        score_features(np.ones((1, 2)), np.array([0]), 2)


def test_ties_share_a_place() -> None:
    equal = {"a": 1.0, "b": 2.0}
    assert mean_ranks([equal, equal]) == [1.5, 1.5]
    assert mean_ranks([]) == []
