"""Claims about how sure a head is made."""

from __future__ import annotations

import numpy as np
import pytest

from graft.closedform import sureness
from graft.closedform.linear import LinearSolution, log_softmax
from graft.closedform.probe import fit_probe
from graft.closedform.sureness import Held, can_tell, judge, suited, the_better


def held(rows: int = 60, size: float = 1.0) -> Held:
    """Rows that a head tells apart, with errors, at a given size of its logits."""
    random = np.random.default_rng(0)
    targets = np.arange(rows) % 3
    features = random.standard_normal((rows, 3)) + 1.5 * np.eye(3)[targets]
    solution = LinearSolution(size * np.eye(3), np.array([0.1, 0.0, -0.1]))
    return Held.of(solution, features, targets, np.ones(rows))


def test_the_factor_is_the_best_one() -> None:
    part = held()
    found = suited([part])

    def penalised(factor: float) -> float:
        return judge([part], factor).loss + float(np.log(factor)) ** 2 / 60

    least = min(map(penalised, np.geomspace(0.05, 100, 500).tolist()))
    assert penalised(found.factor) == pytest.approx(least, abs=1e-4)


def test_parts_count_by_their_weight() -> None:
    part = held()
    halves = [
        Held(part.products[at], part.bias, part.targets[at], part.weights[at])
        for at in (slice(0, 20), slice(20, 60))
    ]
    assert suited(halves).loss == pytest.approx(suited([part]).loss)
    heavier = suited([part._replace(weights=7 * part.weights)])
    assert heavier.loss == pytest.approx(suited([part]).loss)


def test_what_is_too_unsure_is_stretched_and_what_is_too_sure_is_not() -> None:
    assert suited([held(size=0.1)]).factor > 5
    assert suited([held(size=10.0)]).factor < 0.5


def test_a_factor_must_be_clearly_better() -> None:
    unsure, right = held(size=0.1), held()
    plain = {0.1: judge([unsure])}
    assert the_better(plain, {0.1: suited([unsure])})[0.1].factor > 5
    plain = {0.1: suited([right])}
    assert the_better(plain, {0.1: judge([right], 1.01 * plain[0.1].factor)}) is plain
    assert the_better(plain, plain) is plain


def test_a_handful_of_rows_and_very_many_do_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_tell([held(6)])
    assert not can_tell([held(5)])
    monkeypatch.setattr(sureness, "MOST_ROWS", 59)
    assert not can_tell([held(60)])


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
