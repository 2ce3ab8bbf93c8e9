"""The race: what is beaten leaves, what is close stays, and the order is the evidence's."""

from __future__ import annotations

import numpy as np

from graft.selection.grid import Choice
from graft.selection.race import leave
from graft.selection.trial import STANDARD, Evidence, Trial


def trial(name: str, right: int | None, loss: float = 0.5, rows: int = 100) -> Trial:
    found = Trial(Choice("bundled", name, None, 0, 5), None, STANDARD)
    if right is not None:
        found.evidence = Evidence((np.arange(rows) < right).astype(np.float64), loss)
    return found


def names(trials: list[Trial]) -> list[str]:
    return [found.choice.strategy for found in trials]


def test_the_best_go_on_and_the_others_are_told_why() -> None:
    rung = [trial("a", 80), trial("b", 82), trial("c", 50), trial("d", 81), trial("e", None)]
    assert names(leave(rung, None, 2)) == ["b", "d"]
    outcomes = {found.choice.strategy: found.outcome for found in rung}
    assert "beaten by bundled, b" in outcomes["c"]
    assert "not among the best 2" in outcomes["a"]
    assert outcomes["b"] == outcomes["d"] == ""


def test_a_reference_can_beat_the_whole_rung() -> None:
    rung = [trial("a", 60), trial("b", 62)]
    assert leave(rung, trial("probe", 95), 2) == []
    assert names(leave(rung, trial("probe", 63), 2)) == ["b", "a"]


def test_equal_accuracy_is_ordered_by_log_loss() -> None:
    assert names(leave([trial("a", 80, 0.9), trial("b", 80, 0.2)], None, 2)) == ["b", "a"]


def test_evidence_beats_only_beyond_its_interval() -> None:
    def right(count: int) -> Evidence:
        return Evidence((np.arange(200) < count).astype(np.float64), 0.0)

    assert right(180).beats(right(150))
    assert not right(152).beats(right(150))
    assert not right(150).beats(right(150))
    assert not right(150).beats(right(180))
