"""Scenarios: every one yields stages whose rows are the problem's."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import DataError, UnknownNameError
from graft.objectives import BALANCES, Classification, LossSettings, Several
from graft.scenarios import SCENARIOS, Problem, build_scenario
from graft.training.stage import StageData
from graft.types import Task

TARGETS = np.array([0] * 40 + [1] * 8 + [2] * 8)
ROWS = np.arange(len(TARGETS))
TASKS = (Task(labels=("a", "b", "c")),)
DATA = StageData(ROWS[::2], ROWS[1::4], TARGETS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_yields_stages_of_known_rows(name: str) -> None:
    scenario = build_scenario(name)
    assert type(scenario).__doc__
    stages = [*scenario.stages(Problem(DATA, TASKS, epochs=4))]
    assert stages
    for stage in stages:
        assert set(stage.data.train) <= set(DATA.train)
        assert set(stage.data.validation) <= set(DATA.validation)
        assert stage.name


def test_standard_is_one_stage_of_everything() -> None:
    (stage,) = build_scenario("standard").stages(
        Problem(DATA, TASKS, LossSettings(label_smoothing=0.1), epochs=4)
    )
    assert stage.data is DATA
    assert stage.epochs == 4
    assert isinstance(stage.objective, Classification)
    assert stage.objective.label_smoothing == 0.1


def weights(problem: Problem) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    (objective,) = problem.objectives()
    assert isinstance(objective, Classification)
    return None if objective.weights is None else objective.weights.double().numpy()


def test_weights_come_from_the_training_rows_alone() -> None:
    few = StageData(ROWS[30:50], ROWS[:30], TARGETS)
    found = weights(Problem(few, TASKS, LossSettings("balanced")))
    assert found is not None
    counts = np.bincount(TARGETS[few.train], minlength=3)
    assert counts.tolist() == [10, 8, 2]
    assert np.allclose(found * counts, (found * counts)[0])


def test_imbalance_is_weighted_unless_told_not_to() -> None:
    assert weights(Problem(DATA, TASKS)) is not None
    assert weights(Problem(DATA, TASKS, LossSettings("none"))) is None


@pytest.mark.parametrize("balance", BALANCES)
def test_several_columns_are_one_stage_with_one_objective_each(balance: str) -> None:
    tasks = (Task("classification", ("a", "b", "c"), "kind"), Task("regression", (), "size"))
    targets = np.column_stack([TARGETS, ROWS]).astype(np.float32)
    problem = Problem(StageData(DATA.train, DATA.validation, targets), tasks, balance=balance)
    (stage,) = build_scenario("multi-task").stages(problem)
    assert isinstance(stage.objective, Several)
    assert [type(each).__name__ for each in stage.objective.objectives] == [
        "Classification",
        "Regression",
    ]
    with pytest.raises(DataError, match="learns one label column"):
        next(build_scenario("standard").stages(problem))


def test_an_unknown_scenario_is_answered_with_the_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_scenario("standart")
    assert "'standard'" in caught.value.next
