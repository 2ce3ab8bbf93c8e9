"""Claims about how sure a head is made."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import sureness
from graft.closedform.linear import LinearSolution, log_softmax
from graft.closedform.probe import fit_probe
from graft.closedform.sureness import Held, judge


def held(rows: int = 60, size: float = 1.0) -> Held:
    """Rows that a head tells apart, with errors, at a given size of its logits."""
    random = np.random.default_rng(0)
    targets = np.arange(rows) % 3
    features = random.standard_normal((rows, 3)) + 1.5 * np.eye(3)[targets]
    solution = LinearSolution(size * np.eye(3), np.array([0.1, 0.0, -0.1]))
    return Held.of(solution, features, targets, np.ones(rows))


def test_the_factor_is_the_best_one() -> None:
    part = held()
    found = judge([part])
    penalised = [part.loss(f) / 60 + np.log(f) ** 2 / 60 for f in np.geomspace(0.05, 100, 500)]
    reached = part.loss(found.factor) / 60 + np.log(found.factor) ** 2 / 60
    assert reached == pytest.approx(min(penalised), abs=1e-4)
    assert found.loss == part.loss(found.factor) / 60


def test_parts_count_by_their_weight() -> None:
    part = held()
    whole = judge([part])
    halves = [
        Held(part.products[at], part.bias, part.targets[at], part.weights[at]) for at in HALVES
    ]
    assert judge(halves).loss == pytest.approx(whole.loss)
    assert judge([part._replace(weights=7 * part.weights)]).loss == pytest.approx(whole.loss)


HALVES = (slice(0, 20), slice(20, 60))


def test_what_is_too_unsure_is_stretched_and_what_is_too_sure_is_not() -> None:
    unsure, sure = judge([held(size=0.1)]), judge([held(size=10.0)])
    assert unsure.factor > 5
    assert sure.factor < 0.5


def test_many_rows_are_judged_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sureness, "MOST_ROWS", 59)
    part = held(size=0.1)
    assert judge([part]) == (part.loss(1.0) / 60, 1.0)


def test_few_rows_of_many_features_are_told_better(monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(seed: int) -> float:
        random = np.random.default_rng(seed)
        means = random.standard_normal((6, 200))
        targets = np.arange(48) % 6
        test = np.arange(300) % 6
        x = means[targets] + 3.5 * random.standard_normal((48, 200))
        unseen = means[test] + 3.5 * random.standard_normal((300, 200))
        found = log_softmax(fit_probe(x, targets, 6).solution.logits(unseen))
        return -float(found[np.arange(300), test].mean())

    stretched = np.mean([loss(seed) for seed in range(4)])
    monkeypatch.setattr(sureness, "MOST_ROWS", 0)
    assert stretched < np.mean([loss(seed) for seed in range(4)])
