"""Which trial's model is on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.runs.folder import RunFolder
from graft.selection.grid import Choice
from graft.selection.keeper import Keeper
from graft.selection.trial import STANDARD, Evidence, Trial


def trial(name: str, right: int) -> Trial:
    evidence = Evidence((np.arange(100) < right).astype(np.float64), 0.5)
    attempt: Any = object()
    return Trial(Choice("bundled", name, None, 0, 5), None, STANDARD, 1.0, evidence, attempt)


def again(choice: Choice, epochs: int | None) -> Any:
    """Stands for the network that is trained again."""
    return choice, epochs


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(Keeper, "write", lambda *_, **__: None)
    folder: Any = Path("run")
    return Keeper(folder, dict, again)


def kept(keeper: Keeper) -> str:
    assert keeper.best is not None
    return keeper.best.choice.strategy


def test_only_what_is_better_displaces_another(keeper: Keeper) -> None:
    first, worse, better = trial("probe", 80), trial("worse", 70), trial("better", 90)
    keeper.offer(first)
    keeper.offer(worse)
    assert kept(keeper) == "probe"
    assert worse.attempt is None  # its network is let go
    keeper.offer(better)
    assert kept(keeper) == "better"
    assert first.attempt is None


def test_a_rival_must_lead_by_more_than_luck_and_what_is_trusted_must_not_trail(
    keeper: Keeper,
) -> None:
    keeper.offer(trial("probe", 80))
    keeper.offer(trial("rival", 80))
    assert kept(keeper) == "probe"
    keeper.offer(trial("far behind", 50), trusted=True)
    assert kept(keeper) == "probe"
    keeper.offer(trial("favourite, undone", 80), trusted=True)
    assert kept(keeper) == "probe"  # it answers as the probe does, and costs more
    keeper.offer(trial("favourite", 79), trusted=True)
    assert kept(keeper) == "favourite"


def test_what_may_not_win_gives_way_to_anything_that_may(keeper: Keeper) -> None:
    keeper.offer(trial("probe", 95), eligible=False)
    keeper.offer(trial("other probe", 99), eligible=False)
    assert kept(keeper) == "probe"
    keeper.offer(trial("named", 60))
    assert kept(keeper) == "named"
    keeper.offer(trial("named, another rate", 50))
    assert kept(keeper) == "named"


def test_what_an_earlier_process_trained_is_trained_again_only_if_it_is_asked_for(
    keeper: Keeper, tmp_path: Path
) -> None:
    known = trial("known", 80)
    known.attempt, known.recalled, known.lost = None, True, True
    keeper.folder = RunFolder(tmp_path)
    keeper.offer(known)
    assert kept(keeper) == "known"
    assert known.attempt is None
    assert keeper.attempt() == again(known.choice, None)
