"""The H-score: golden values, canonical correlations and invariances."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.hscore import h_score
from graft.types import FloatArray, IntArray


def golden() -> tuple[FloatArray, IntArray]:
    random = np.random.RandomState(0)
    features, targets = random.randn(60, 8), np.arange(60) % 3
    features[:, 0] += targets
    return features, targets


def test_golden_values() -> None:
    features, targets = golden()
    assert h_score(features, targets, 3, shrunk=False) == pytest.approx(0.561772, abs=1e-6)
    assert h_score(features, targets, 3) == pytest.approx(0.120158, abs=1e-6)


def test_unshrunk_it_is_the_sum_of_squared_canonical_correlations() -> None:
    features, targets = golden()
    one_hot = np.eye(3)[targets][:, :2]  # the third column is one minus the others
    first = np.linalg.qr(features - features.mean(axis=0))[0]
    second = np.linalg.qr(one_hot - one_hot.mean(axis=0))[0]
    correlations = np.linalg.svd(first.T @ second, compute_uv=False)
    expected = float((correlations**2).sum())
    assert h_score(features, targets, 3, shrunk=False) == pytest.approx(expected, abs=1e-9)


def test_any_invertible_map_keeps_the_unshrunk_and_any_rotation_the_shrunk_score() -> None:
    features, targets = golden()
    matrix = np.random.default_rng(1).standard_normal((8, 8))
    expected = h_score(features, targets, 3, shrunk=False)
    assert h_score(features @ matrix, targets, 3, shrunk=False) == pytest.approx(expected)
    rotation = np.linalg.qr(matrix)[0]
    expected = h_score(features, targets, 3)
    assert h_score(5 * features @ rotation + 3, targets, 3) == pytest.approx(expected)


def test_with_fewer_rows_than_features_only_the_shrunk_score_says_anything() -> None:
    random = np.random.default_rng(0)
    features, targets = random.standard_normal((100, 512)), random.integers(0, 10, 100)
    assert h_score(features, targets, 10, shrunk=False) == pytest.approx(9.0)
    planted = features + 3 * np.eye(10)[targets] @ random.standard_normal((10, 512))
    assert h_score(features, targets, 10) < h_score(planted, targets, 10) < 9.0 * 100 / 99


def test_constant_features_score_zero_and_one_row_is_refused() -> None:
    assert h_score(np.ones((6, 3)), np.arange(6) % 2, 2) == 0.0
    assert h_score(np.ones((6, 3)), np.arange(6) % 2, 2, shrunk=False) == 0.0
    with pytest.raises(ValueError, match="two rows"):
        h_score(np.ones((1, 2)), np.array([0]), 2)
