"""Claims about logistic regression: parity, optimality, invariances, hard inputs."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform.linear import LinearSolution, log_softmax, softmax
from graft.closedform.logistic import fit_logistic
from graft.types import FloatArray, IntArray


def problem(rows: int, columns: int, classes: int, seed: int = 0) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    centres = random.standard_normal((classes, columns))
    return random.standard_normal((rows, columns)) + centres[targets] + 3.0, targets


def objective(
    solution: LinearSolution, x: FloatArray, y: IntArray, penalty: float, w: FloatArray
) -> float:
    losses = -log_softmax(solution.logits(x))[np.arange(len(y)), y]
    return float(w @ losses / w.sum() + penalty / 2 * (solution.weight**2).sum())


@pytest.mark.parametrize("penalty", [1.0, 0.01, 1e-4])
@pytest.mark.parametrize(("rows", "columns"), [(120, 5), (20, 60)])
def test_equals_scikit_learn(rows: int, columns: int, penalty: float) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problem(rows, columns, 3)
    w = np.random.default_rng(1).uniform(0.5, 2, rows)
    ours = fit_logistic(x, y, 3, penalty=penalty, weights=w)
    theirs = LogisticRegression(C=1 / (penalty * w.sum()), tol=1e-9, max_iter=20000)
    theirs.fit(x - x.mean(axis=0), y, sample_weight=w)
    np.testing.assert_allclose(ours.weight, theirs.coef_, atol=2e-4, rtol=2e-3)
    assert np.abs(softmax(ours.logits(x)) - theirs.predict_proba(x - x.mean(axis=0))).max() < 5e-4


def test_two_classes_are_scikit_learns_with_half_the_penalty() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problem(80, 4, 2)
    ours = softmax(fit_logistic(x, y, 2, penalty=0.1).logits(x))
    theirs = LogisticRegression(C=1 / (0.05 * 80), tol=1e-9, max_iter=20000).fit(x, y)
    np.testing.assert_allclose(ours, theirs.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("penalty", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize(("rows", "columns"), [(90, 7), (15, 40)])
def test_the_gradient_vanishes(rows: int, columns: int, penalty: float) -> None:
    x, y = problem(rows, columns, 3)
    found = fit_logistic(x, y, 3, penalty=penalty)
    residual = (softmax(found.logits(x)) - np.eye(3)[y]) / rows
    assert np.abs(residual.T @ x + penalty * found.weight).max() < 1e-5
    assert np.abs(residual.sum(axis=0)).max() < 1e-5
    assert abs(found.bias.mean()) < 1e-12


def test_integer_weights_are_repetitions() -> None:
    x, y = problem(30, 4, 3)
    times = np.arange(30) % 3 + 1
    weighted = fit_logistic(x, y, 3, penalty=0.1, weights=times.astype(float))
    repeated = fit_logistic(np.repeat(x, times, axis=0), np.repeat(y, times), 3, penalty=0.1)
    np.testing.assert_allclose(weighted.weight, repeated.weight, atol=1e-6)


def test_the_start_does_not_matter() -> None:
    x, y = problem(40, 6, 4)
    cold = fit_logistic(x, y, 4, penalty=0.01)
    random = np.random.default_rng(3)
    start = LinearSolution(random.standard_normal((4, 6)), random.standard_normal(4))
    warm = fit_logistic(x, y, 4, penalty=0.01, start=start)
    np.testing.assert_allclose(warm.weight, cold.weight, atol=1e-5)
    np.testing.assert_allclose(warm.bias, cold.bias, atol=1e-4)


def test_rotation_and_padding_change_nothing() -> None:
    x, y = problem(25, 8, 3)
    rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((8, 8)))[0]
    plain = fit_logistic(x, y, 3, penalty=0.05)
    turned = fit_logistic(x @ rotation, y, 3, penalty=0.05)
    padded = fit_logistic(np.hstack([x, np.zeros((25, 60))]), y, 3, penalty=0.05)
    np.testing.assert_allclose(turned.weight, plain.weight @ rotation, atol=1e-5)
    np.testing.assert_allclose(padded.weight[:, :8], plain.weight, atol=1e-5)
    assert np.abs(padded.weight[:, 8:]).max() < 1e-12


def test_the_optimum_is_below_its_neighbourhood() -> None:
    x, y = problem(30, 3, 3)
    w = np.ones(30)
    best = fit_logistic(x, y, 3, penalty=0.1)
    value = objective(best, x, y, 0.1, w)
    random = np.random.default_rng(0)
    for _ in range(20):
        moved = LinearSolution(
            best.weight + 1e-2 * random.standard_normal((3, 3)),
            best.bias + 1e-2 * random.standard_normal(3),
        )
        assert objective(moved, x, y, 0.1, w) > value


def test_an_absent_class_is_never_predicted_and_stays_finite() -> None:
    x, y = problem(40, 5, 4)
    kept = y != 2
    found = fit_logistic(x[kept], y[kept], 4, penalty=0.01)
    anywhere = 100 * np.random.default_rng(0).standard_normal((500, 5))
    assert np.isfinite(found.weight).all()
    assert np.isfinite(found.bias).all()
    assert (found.logits(anywhere).argmax(axis=1) != 2).all()
    assert (found.logits(x[kept]).argmin(axis=1) == 2).all()
    three = fit_logistic(x[kept], np.searchsorted([0, 1, 3], y[kept]), 3, penalty=0.01)
    np.testing.assert_allclose(found.weight[[0, 1, 3]], three.weight, atol=1e-8)


def test_one_class_alone_is_always_predicted() -> None:
    found = fit_logistic(np.ones((3, 2)), np.array([1, 1, 1]), 3, penalty=0.1)
    assert found.logits(np.zeros((1, 2))).argmax() == 1


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf])
def test_a_penalty_that_is_not_positive_is_refused(penalty: float) -> None:
    with pytest.raises(ValueError, match="penalty"):
        fit_logistic(np.eye(2), np.array([0, 1]), 2, penalty=penalty)


@pytest.mark.parametrize("targets", [[0, 2], [-1, 0], []])
def test_targets_out_of_range_are_refused(targets: list[int]) -> None:
    with pytest.raises(ValueError, match="targets"):
        fit_logistic(np.eye(2)[: len(targets)], np.array(targets, dtype=np.int64), 2, penalty=1.0)


def test_weights_must_be_positive() -> None:
    with pytest.raises(ValueError, match="weights"):
        fit_logistic(np.eye(2), np.array([0, 1]), 2, penalty=1.0, weights=np.array([1.0, 0.0]))
