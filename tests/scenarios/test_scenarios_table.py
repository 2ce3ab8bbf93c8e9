"""Scenarios: every one yields stages whose rows are the problem's."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import UnknownNameError
from graft.objectives import Classification
from graft.scenarios import SCENARIOS, Problem, build_scenario
from graft.training.stage import StageData

TARGETS = np.array([0] * 40 + [1] * 8 + [2] * 8)
ROWS = np.arange(len(TARGETS))
DATA = StageData(ROWS[::2], ROWS[1::4], TARGETS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_yields_stages_of_known_rows(name: str) -> None:
    scenario = build_scenario(name)
    assert type(scenario).__doc__
    stages = [*scenario.stages(Problem(DATA, 3, epochs=4))]
    assert stages
    for stage in stages:
        assert set(stage.data.train) <= set(DATA.train)
        assert set(stage.data.validation) <= set(DATA.validation)
        assert stage.name


def test_standard_is_one_stage_of_everything() -> None:
    (stage,) = build_scenario("standard").stages(Problem(DATA, 3, label_smoothing=0.1, epochs=4))
    assert stage.data is DATA
    assert stage.epochs == 4
    assert isinstance(stage.objective, Classification)
    assert stage.objective.label_smoothing == 0.1


def test_weights_come_from_the_training_rows_alone() -> None:
    few = StageData(ROWS[30:50], ROWS[:30], TARGETS)
    weights = Problem(few, 3, class_weights="balanced").weights()
    assert weights is not None
    counts = np.bincount(TARGETS[few.train], minlength=3)
    assert counts.tolist() == [10, 8, 2]
    assert np.allclose(weights * counts, (weights * counts)[0])


def test_imbalance_is_weighted_unless_told_not_to() -> None:
    assert Problem(DATA, 3).weights() is not None
    assert Problem(DATA, 3, class_weights="none").weights() is None


def test_an_unknown_scenario_is_answered_with_the_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_scenario("standart")
    assert "'standard'" in caught.value.next
