"""The race: what is beaten leaves, what is close stays, and the order is the evidence's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graft.selection.grid import Choice
from graft.selection.race import SAFE, Race, leave, worth_their_cost
from graft.selection.trial import STANDARD, Evidence, Trial, likely


def trial(name: str, right: int | None, loss: float = 0.5, rows: int = 100) -> Trial:
    found = Trial(Choice("bundled", name, None, 0, 5), None, STANDARD)
    if right is not None:
        found.evidence = Evidence((np.arange(rows) < right).astype(np.float64), loss)
    return found


def names(trials: list[Trial]) -> list[str]:
    return [found.choice.strategy for found in trials]


def test_only_what_is_as_far_as_the_leader_goes_on_and_the_others_are_told_why() -> None:
    rung = [trial("a", 80), trial("b", 82), trial("c", 50), trial("d", 81), trial("e", None)]
    assert names(leave(rung, trial("leader", 70), 2)) == ["b", "d"]
    outcomes = {found.choice.strategy: found.outcome for found in rung}
    assert "not as far as bundled, leader" in outcomes["c"]
    assert "not among the best 2" in outcomes["a"]
    assert outcomes["b"] == outcomes["d"] == "tried in full"
    assert leave(rung, trial("leader", 95), 2) == []
    assert names(leave(rung, None, 2)) == ["b", "d"]


def test_equal_accuracy_is_ordered_by_log_loss() -> None:
    assert names(leave([trial("a", 80, 0.9), trial("b", 80, 0.2)], None, 2)) == ["b", "a"]


def test_a_lead_counts_beyond_its_error_and_is_sure_beyond_its_interval() -> None:
    first, near, far = trial("first", 80), trial("near", 83), trial("far", 95)
    assert likely(near, first)
    assert not likely(near, first, sure=True)
    assert likely(far, first, sure=True)
    assert not likely(first, first)
    assert not likely(far, trial("nothing known", None))
    apart = np.r_[np.ones(5), -np.ones(4), np.zeros(91)]
    torn = Trial(near.choice, None, STANDARD)
    torn.evidence = Evidence((np.arange(100) < 80) + apart, 0.5)
    assert not likely(torn, first)  # one row ahead, of nine on which they differ


def test_few_rows_do_not_tell_rivals_of_one_backbone_apart() -> None:
    rivals = [
        Choice("bundled", "full", None, 0, 5),
        Choice("other", "lp-ft", None, 0, 5),
        Choice("bundled", "top-k:1", None, 4, 5),
    ]
    assert worth_their_cost(rivals, trial("lp-ft", 85)) == rivals[1:2]
    assert worth_their_cost(rivals, trial("lp-ft", None)) == rivals  # it diverged


@pytest.mark.parametrize(("left", "share"), [(500.0, 1.0), (100.0, SAFE), (50.0, SAFE / 2)])
def test_a_favourite_that_is_too_dear_gets_the_epochs_for_which_there_is_time(
    left: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Race, "predicted", lambda *_: 100.0)
    trials: Any = SimpleNamespace(
        progress=SimpleNamespace(budget=SimpleNamespace(left=lambda: left)),
        base=SimpleNamespace(epochs=None),
    )
    keeper: Any = None
    race = Race(trials, keeper, {}, True, True)
    choice = Choice("bundled", "lp-ft", None, 0, 5)
    assert race.affordable(choice, STANDARD) == pytest.approx(share)
    trials.base.epochs = 8
    assert race.affordable(choice, STANDARD) == 1.0  # the user's own


def test_a_favourite_without_time_for_a_third_of_its_epochs_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Race, "predicted", lambda *_: 100.0)
    budget = SimpleNamespace(left=lambda: 20.0)
    trials: Any = SimpleNamespace(
        progress=SimpleNamespace(budget=budget), done=[], recall=lambda *_: None
    )
    trials.base = SimpleNamespace(epochs=None, batch_size=32, accumulate=1)
    rows = SimpleNamespace(split=SimpleNamespace(train=range(64)))
    trials.prepared = {"bundled": rows}
    keeper: Any = None
    race = Race(trials, keeper, {}, True, True)
    choice = Choice("bundled", "lp-ft", None, 0, 5)
    found = race._try(choice, race.affordable(choice, STANDARD), STANDARD)
    assert found.outcome == "not tried: about 100 s, 20 s left"
    assert trials.done == [found]


@pytest.mark.parametrize("named", [False, True])
def test_rates_of_a_named_strategy_are_tried_on_few_rows_too(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def judged(_race: Race, choice: Choice, _share: float, folds: tuple[int, ...]) -> Trial:
        tried.append(choice.lr)
        found = Trial(choice, None, folds)
        found.evidence = Evidence((np.arange(100) < 80).astype(np.float64), 0.5)
        return found

    monkeypatch.setattr(Race, "_try", judged)
    monkeypatch.setattr(Race, "affordable", lambda *_: 1.0)
    rows = SimpleNamespace(split=SimpleNamespace(validation=range(100)))
    trials: Any = SimpleNamespace(prepared={"bundled": rows}, done=[])
    keeper: Any = SimpleNamespace(offer=lambda *_, **__: None)
    race = Race(trials, keeper, {}, eligible_probes=not named, few=True)
    race.run(
        [trial("linear-probe", 70)], [Choice("bundled", "full", lr, 0, 5) for lr in (1e-3, 3e-3)]
    )
    assert tried == ([1e-3, 3e-3] if named else [1e-3])
    assert len(trials.done) == (0 if named else 1)
