"""LogME is the maximised log evidence, computed without the N x N Gaussian."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.logme import logme
from graft.types import FloatArray, IntArray


def golden() -> tuple[tuple[FloatArray, IntArray], tuple[FloatArray, IntArray]]:
    random = np.random.RandomState(0)
    first, targets = random.randn(60, 8), np.arange(60) % 3
    first[:, 0] += targets
    return (first, targets), (random.randn(20, 40), np.arange(20) % 2)


def log_density(column: FloatArray, covariance: FloatArray) -> float:
    """Of a Gaussian with mean zero."""
    logarithm = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return -float(logarithm + column @ np.linalg.solve(covariance, column)) / 2


def direct(features: FloatArray, targets: IntArray) -> float:
    """The mean over classes of the largest Gaussian log density, on ever finer grids."""
    rows, gram, found = len(features), features @ features.T, []
    for target in np.unique(targets):
        column = (targets == target).astype(np.float64)
        a, b, step = 3.0, 1.5, 1.0
        for _ in range(40):  # walks while it climbs, then closes in
            grid = [(a + i * step, b + j * step) for i in range(-2, 3) for j in range(-2, 3)]
            values = [
                log_density(column, np.eye(rows) / np.exp(noise) + gram / np.exp(weights))
                for weights, noise in grid
            ]
            best = grid[int(np.argmax(values))]
            step = step / 2 if best == (a, b) else step
            a, b = best
        found.append(max(values))
    return float(np.mean(found)) / rows


def test_golden_values() -> None:
    (features, targets), (wide, few) = golden()
    assert logme(features, targets, 3) == pytest.approx(-0.784499, abs=1e-6)
    assert logme(wide, few, 2) == pytest.approx(-1.022258, abs=1e-6)


def test_it_is_the_largest_gaussian_log_density() -> None:
    (features, targets), _ = golden()
    assert logme(features, targets, 3) == pytest.approx(direct(features, targets), abs=1e-6)
    deficient = features @ np.diag([0.0, 1, 1, 1, 1, 0, 0, 0])  # nothing of the labels is left
    assert logme(deficient, targets, 3) == pytest.approx(direct(deficient, targets), abs=1e-5)


def test_rotations_scales_dead_and_copied_features_change_nothing() -> None:
    (features, targets), _ = golden()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
    expected = logme(features, targets, 3)
    assert logme(features @ rotation, targets, 3) == pytest.approx(expected, abs=1e-9)
    assert logme(1000 * features, targets, 3) == pytest.approx(expected, abs=1e-9)
    padded = np.hstack([features, np.zeros((60, 5))])
    assert logme(padded, targets, 3) == pytest.approx(expected, abs=1e-9)
    copied = np.hstack([features, features])
    assert logme(copied, targets, 3) == pytest.approx(expected, abs=1e-9)


def test_more_noise_is_a_lower_score() -> None:
    random = np.random.default_rng(0)
    targets = np.arange(90) % 3
    signal = np.eye(3)[targets] @ random.standard_normal((3, 12))
    noise = random.standard_normal((90, 12))
    scores = [logme(signal + sigma * noise, targets, 3) for sigma in (0.1, 0.5, 1.5, 5.0)]
    assert scores == sorted(scores, reverse=True)


def test_features_that_say_everything_or_nothing_have_finite_scores() -> None:
    targets = np.arange(30) % 3
    assert np.isfinite(logme(np.eye(3)[targets], targets, 3))
    assert np.isfinite(logme(np.zeros((30, 4)), targets, 3))
    assert logme(np.eye(3)[targets], targets, 3) > logme(np.zeros((30, 4)), targets, 3)


def test_an_absent_class_does_not_count() -> None:
    (features, targets), _ = golden()
    assert logme(features, targets, 7) == logme(features, targets, 3)
