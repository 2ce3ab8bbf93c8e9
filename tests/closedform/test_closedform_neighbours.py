"""Nearest neighbours equal an explicit loop, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import neighbours
from graft.closedform.neighbours import knn_leave_one_out, knn_probabilities
from graft.types import FloatArray, IntArray


def sample() -> tuple[FloatArray, IntArray, FloatArray]:
    random = np.random.default_rng(0)
    return (
        random.standard_normal((50, 6)),
        random.integers(0, 4, 50),
        random.standard_normal((13, 6)),
    )


def explicit(
    train: FloatArray, targets: IntArray, row: FloatArray, classes: int, k: int, t: float
) -> FloatArray:
    cosine = train @ row / np.linalg.norm(train, axis=1) / np.linalg.norm(row)
    votes = np.zeros(classes)
    for neighbour in np.argsort(-cosine)[:k]:
        votes[targets[neighbour]] += np.exp(cosine[neighbour] / t)
    k = min(k, len(train))
    return np.asarray((k * votes / votes.sum() + 1 / classes) / (k + 1))


@pytest.mark.parametrize("k", [1, 5, 20, 50, 1000])
def test_equals_an_explicit_loop(k: int) -> None:
    train, targets, rows = sample()
    found = knn_probabilities(train, targets, rows, 4, k=k)
    expected = [explicit(train, targets, row, 4, k, 0.07) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("k", [1, 20, 1000])
def test_leave_one_out_equals_an_explicit_loop(k: int) -> None:
    train, targets, _ = sample()
    found = knn_leave_one_out(train, targets, 4, k=k)
    for row in range(len(train)):
        kept = np.arange(len(train)) != row
        expected = explicit(train[kept], targets[kept], train[row], 4, k, 0.07)
        np.testing.assert_allclose(found[row], expected, atol=1e-9)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    train, targets, rows = sample()
    whole = knn_probabilities(train, targets, rows, 4), knn_leave_one_out(train, targets, 4)
    monkeypatch.setattr(neighbours, "SIMILARITIES_PER_BLOCK", 150)
    np.testing.assert_allclose(knn_probabilities(train, targets, rows, 4), whole[0])
    np.testing.assert_allclose(knn_leave_one_out(train, targets, 4), whole[1])


def test_the_length_of_features_does_not_matter() -> None:
    train, targets, rows = sample()
    factors = np.random.default_rng(1).uniform(0.1, 10, (50, 1))
    np.testing.assert_allclose(
        knn_probabilities(train * factors, targets, rows * 7, 4),
        knn_probabilities(train, targets, rows, 4),
    )


def test_an_unseen_class_keeps_a_finite_log_loss_and_zeros_are_harmless() -> None:
    found = knn_probabilities(np.zeros((3, 2)), np.array([0, 0, 1]), np.zeros((1, 2)), 3)
    np.testing.assert_allclose(found, [[(2 + 1 / 3) / 4, (1 + 1 / 3) / 4, 1 / 12]])


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        knn_probabilities(np.eye(2), np.array([0, 1]), np.eye(2), 2, k=0)
    with pytest.raises(ValueError, match="two rows"):
        knn_leave_one_out(np.ones((1, 2)), np.array([0]), 2)
