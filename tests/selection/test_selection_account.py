"""The sentences of a search name the figure, its interval and the time."""

from __future__ import annotations

import numpy as np

from graft.selection.account import first_figures, first_model, winner_line
from graft.selection.grid import Choice
from graft.selection.ranking import Candidate
from graft.selection.scores import score_features
from graft.selection.speed import Cost
from graft.selection.trial import STANDARD, Evidence, Trial
from graft.tasks.several import one_of_classes


def trial(name: str, right: int | None) -> Trial:
    found = Trial(Choice("bundled", name, None, 0, 5), None, STANDARD)
    if right is not None:
        found.evidence = Evidence((np.arange(100) < right).astype(np.float64), 0.5)
    return found


def test_first_figures_come_before_any_model() -> None:
    targets = np.arange(40) % 2
    scores = score_features(np.eye(2)[targets], one_of_classes(2), targets)
    candidate = Candidate("bundled", scores, Cost(10.0, 5, 1.0), 40, 1.0)
    said = first_figures(candidate, "accuracy", 2.5)
    assert "after 2.5 s with bundled: accuracy of kNN 100.0 % (91.2 to 100.0)" in said
    assert "ridge regression 100.0 %" in said


def test_the_first_model_tells_its_figure_or_that_it_was_not_judged() -> None:
    assert "bundled, linear-probe: accuracy 80.0 % (71.1 to 86.7) on" in first_model(
        trial("linear-probe", 80), "accuracy", 4.0
    )
    assert "r2 0.800 (0.711 to 0.867)" in first_model(trial("p", 80), "r2", 4.0)
    assert "not judged" in first_model(trial("p", None), "accuracy", 4.0)


def test_the_winner_is_set_beside_the_first_result() -> None:
    first, winner = trial("linear-probe", 80), trial("full", 95)
    said = winner_line(winner, first, "accuracy")
    assert "bundled, full: accuracy 95.0 %" in said
    assert "against 80.0 %" in said
    assert "do not tell the two apart" not in said
    assert "apart; without them, fine-tuning" in winner_line(trial("lp-ft", 80), first, "accuracy")
    assert winner_line(trial("full", 80), first, "accuracy").endswith("tell the two apart.")
    assert "nothing else beat the first result (accuracy 80.0 %" in winner_line(
        first, first, "accuracy"
    )
    assert "no held-out rows" in winner_line(trial("full", None), first, "accuracy")
