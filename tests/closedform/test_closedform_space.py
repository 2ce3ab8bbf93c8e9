"""The space of a probe: whose memory it takes."""

from __future__ import annotations

import numpy as np

from graft.closedform.space import SINGLE_PRECISION, enter_space


def test_overwriting_changes_no_solution_and_makes_no_copy_of_many_features() -> None:
    random = np.random.default_rng(5)
    features = random.normal(3, 2, size=(SINGLE_PRECISION // 64 + 1, 64)).astype(np.float32)
    weights = np.ones(len(features))
    apart = enter_space(features.copy(), weights)
    inside = enter_space(features, weights, overwrite=True)
    assert np.shares_memory(inside.rows, features)
    np.testing.assert_array_equal(inside.rows, apart.rows)
    few = features[:200]
    assert not np.shares_memory(enter_space(few, weights[:200], overwrite=True).rows, few)
