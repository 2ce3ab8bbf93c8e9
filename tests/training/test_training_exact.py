"""Exact solutions that a search shares between its trials."""

from __future__ import annotations

import numpy as np

from graft.objectives import Classification, Known
from graft.training.exact import Solutions
from graft.types import FloatArray, IntArray


def rows(seed: int = 0) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(seed)
    targets = np.arange(24) % 3
    return (random.normal(size=(24, 4)) + np.eye(4)[targets]).astype(np.float32), targets


def test_equal_rows_are_solved_once_and_to_the_same_bits() -> None:
    features, targets = rows()
    solutions, objective = Solutions(), Classification(3)
    first = solutions.of(objective, features, targets, None, Known())
    again = solutions.of(objective, features.copy(), targets.copy(), None, Known())
    anew = objective.solve(features, targets, None)
    assert first is again
    assert first is not None
    assert anew is not None
    assert np.array_equal(first.weight, anew.weight)
    assert len(solutions.known) == 1


def test_whatever_a_solution_depends_on_makes_another() -> None:
    features, targets = rows()
    solutions, objective = Solutions(), Classification(3)
    held_out = rows(1)
    solutions.of(objective, features, targets, None, Known())
    solutions.of(objective, features, targets, held_out, Known())
    solutions.of(objective, features, targets, (held_out[0], np.roll(held_out[1], 1)), Known())
    solutions.of(objective, features, np.roll(targets, 1), None, Known())
    solutions.of(objective, features + 1, targets, None, Known())
    twice = np.concatenate([features, features])
    solutions.of(objective, twice, targets, None, Known(views=2))
    solutions.of(objective, twice, np.concatenate([targets, targets]), None, Known())
    solutions.of(objective, features, targets, None, Known(groups=np.arange(24) // 4))
    solutions.of(objective, features, targets, None, Known(groups=np.arange(24) // 6))
    solutions.of(objective, features, targets, None, Known(drawn=True))
    assert len(solutions.known) == 10
