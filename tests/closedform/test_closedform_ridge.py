"""Ridge regression and its leave-one-out residuals equal explicit refitting."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.axes import principal_scores
from graft.closedform.ridge import fit_ridge, leave_one_out
from graft.types import FloatArray, IntArray


def sample(rows: int, columns: int) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(rows)
    targets = np.arange(rows) % 3
    return random.standard_normal((rows, columns)) + targets[:, None] + 5, targets


def refit(x: FloatArray, y: IntArray, penalty: float) -> tuple[FloatArray, FloatArray]:
    """Weight (D, C) and intercept (C,) from the normal equations."""
    hot = np.eye(3)[y]
    centred = x - x.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, centred.T @ (hot - hot.mean(axis=0)))
    return weight, hot.mean(axis=0) - x.mean(axis=0) @ weight


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 50.0])
@pytest.mark.parametrize(("rows", "columns"), [(40, 6), (12, 30), (10, 10)])
def test_solution_equals_the_normal_equations(rows: int, columns: int, penalty: float) -> None:
    x, y = sample(rows, columns)
    found = fit_ridge(x, y, 3, penalties=[7.0, penalty]).solution(1)
    weight, bias = refit(x, y, penalty)
    np.testing.assert_allclose(found.weight, weight.T, atol=1e-9)
    np.testing.assert_allclose(found.bias, bias, atol=1e-8)


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 50.0])
@pytest.mark.parametrize(("rows", "columns"), [(40, 6), (12, 30)])
def test_leave_one_out_equals_refitting(rows: int, columns: int, penalty: float) -> None:
    x, y = sample(rows, columns)
    explicit = []
    for row in range(rows):
        kept = np.arange(rows) != row
        weight, bias = refit(x[kept], y[kept], penalty)
        explicit.append(np.eye(3)[y[row]] - x[row] @ weight - bias)
    path = fit_ridge(x, y, 3, penalties=[penalty])
    np.testing.assert_allclose(path.residuals(0), explicit, atol=1e-8)
    right = (np.eye(3)[y] - np.array(explicit)).argmax(axis=1) == y
    assert path.accuracy[0] == right.mean()
    assert path.squared_error[0] == pytest.approx((np.array(explicit) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize(("rows", "columns"), [(40, 6), (12, 30)])
def test_leaving_groups_out_equals_refitting(rows: int, columns: int) -> None:
    x, y = sample(rows, columns)
    x -= x.mean(axis=0)
    groups = np.arange(rows) % 7
    groups[0] = 7  # alone
    explicit = np.empty((rows, 3))
    for group in range(8):
        out = groups == group
        weight, bias = refit(x[~out], y[~out], 2.0)
        explicit[out] = np.eye(3)[y[out]] - x[out] @ weight - bias
    turned = principal_scores(x, np.zeros(columns), np.ones(columns))
    found = leave_one_out(turned.scores, np.eye(3)[y], 2.0, groups)
    np.testing.assert_allclose(found, explicit, atol=1e-8)
    alone = leave_one_out(turned.scores, np.eye(3)[y], 2.0)
    together = leave_one_out(turned.scores, np.eye(3)[y], 2.0, np.zeros(rows, dtype=np.int64))
    np.testing.assert_array_equal(alone, together)


def test_best_has_the_highest_accuracy_then_the_least_error() -> None:
    x, y = sample(30, 5)
    path = fit_ridge(x, y, 3)
    ties = path.accuracy == path.accuracy.max()
    assert path.accuracy[path.best] == path.accuracy.max()
    assert path.squared_error[path.best] == path.squared_error[ties].min()


def test_default_penalties_follow_the_scale() -> None:
    x, y = sample(30, 5)
    np.testing.assert_allclose(
        fit_ridge(1000 * x, y, 3).squared_error, fit_ridge(x, y, 3).squared_error
    )


def test_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        fit_ridge(np.ones((1, 2)), np.array([0]), 2)
