"""Claims about the solver's coordinates: exact roots, and the same solution whichever they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from graft.closedform.logistic import LogisticProblem
from graft.closedform.metric import Diagonal, Gram, Metric
from graft.closedform.space import enter_space
from graft.closedform.threads import one_blas_thread, workers

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((200, 6)) @ RANDOM.standard_normal((6, 6))
TARGETS = (X[:, 0] + 0.5 * RANDOM.standard_normal(200) > 0).astype(np.int64)


def metrics(dtype: npt.DTypeLike = np.float64) -> list[tuple[Metric, npt.NDArray[np.float64]]]:
    gram = X.T @ X / 200
    diagonal = np.diag(gram).copy()
    return [(Diagonal(diagonal), np.diag(diagonal)), (Gram(gram.astype(dtype)), gram)]


@pytest.mark.parametrize("which", [0, 1])
def test_the_root_is_one_of_the_matrix_that_it_says(which: int) -> None:
    metric, gram = metrics()[which]
    root = metric.root(0.25, 0.01)
    matrix = root.coordinates(np.eye(6))
    np.testing.assert_allclose(matrix @ matrix.T, 0.25 * gram + 0.01 * np.eye(6), atol=1e-12)


@pytest.mark.parametrize("which", [0, 1])
def test_weight_inverts_coordinates_and_the_gradient_follows(which: int) -> None:
    root = metrics()[which][0].root(0.25, 0.01)
    weight, direction = RANDOM.standard_normal((2, 3, 6))
    np.testing.assert_allclose(root.weight(root.coordinates(weight)), weight, atol=1e-12)
    # A linear function f of the weight changes along z as the chain rule says.
    change = np.vdot(direction, root.weight(root.coordinates(weight)))
    assert np.vdot(root.gradient(direction), root.coordinates(weight)) == pytest.approx(change)


def test_a_singular_matrix_in_single_precision_still_has_a_root() -> None:
    column = RANDOM.standard_normal((50, 1)).astype(np.float32)
    gram = Gram((column @ np.ones((1, 40), np.float32)).T @ (column @ np.ones((1, 40), np.float32)))
    weight = RANDOM.standard_normal((2, 40))
    root = gram.root(1.0, 1e-12)
    np.testing.assert_allclose(root.weight(root.coordinates(weight)), weight, atol=0.1)


def test_the_solution_does_not_depend_on_the_metric() -> None:
    plain = LogisticProblem.build(X, TARGETS, None)
    metric = enter_space(X, np.ones(200)).metric
    assert metric is not None
    turned = LogisticProblem.build(X, TARGETS, None, metric)
    one, other = (problem.solve(1e-3, plain.start(), 1e-9) for problem in (plain, turned))
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-5)


def test_fewer_rows_than_features_are_rotated_and_more_are_not() -> None:
    assert enter_space(X, np.ones(200)).axes is None
    few = enter_space(X[:4], np.ones(4))
    assert few.rows.shape == (4, 4)
    np.testing.assert_allclose(few.enter(X[:4]), few.rows, atol=1e-12)


def test_blocks_of_rows_give_the_same_bytes_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graft.closedform.logistic.ROWS_PER_BLOCK", 32)
    problem = LogisticProblem.build(X, TARGETS, None)
    weight, bias = RANDOM.standard_normal((2, 6)), np.zeros(2)
    with one_blas_thread():
        alone = problem.value_and_gradient(weight, bias, 0.1)
        with workers(7) as spread:
            together = problem.value_and_gradient(weight, bias, 0.1, spread)
    assert alone[0] == together[0]
    assert alone[1].tobytes() == together[1].tobytes()


def test_workers_keep_the_order_of_the_pieces() -> None:
    with workers(100) as spread:
        assert [*spread(lambda piece: piece * piece, range(100))] == [n * n for n in range(100)]
