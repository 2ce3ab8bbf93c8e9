"""Claims about principal axes: orthogonal, lossless, diagonal."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from graft.closedform.axes import ROWS_PER_BLOCK, principal_scores
from graft.closedform.threads import one_blas_thread


@pytest.mark.parametrize(
    ("rows", "columns", "rank"), [(30, 6, 6), (6, 30, 6), (20, 20, 3), (1, 4, 1)]
)
def test_scores_hold_the_features_in_orthogonal_axes(rows: int, columns: int, rank: int) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, rank)) @ random.standard_normal((rank, columns)) + 2
    mean, scale = x.mean(axis=0), random.uniform(0.5, 2, columns)
    turned = principal_scores(x, mean, scale)
    np.testing.assert_allclose(turned.scores @ turned.axes.T, (x - mean) / scale, atol=1e-9)
    np.testing.assert_allclose(turned.axes.T @ turned.axes, np.eye(min(rows, columns)), atol=1e-9)
    gram = turned.scores.T @ turned.scores
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-9 * max(gram.max(), 1)


def test_blocks_of_rows_make_no_difference() -> None:
    x = np.random.default_rng(1).standard_normal((ROWS_PER_BLOCK + 7, 3))
    turned = principal_scores(x, np.zeros(3), np.ones(3))
    np.testing.assert_allclose(turned.scores @ turned.axes.T, x, atol=1e-12)


def test_single_precision_is_close() -> None:
    x = np.random.default_rng(2).standard_normal((50, 8))
    turned = principal_scores(x, np.zeros(8), np.ones(8), np.float32)
    assert turned.scores.dtype == np.float32
    np.testing.assert_allclose(turned.scores @ turned.axes.T, x, atol=1e-5)


def test_one_thread_inside_and_the_old_number_after() -> None:
    def threads() -> list[int]:
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = threads()
    with one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before
