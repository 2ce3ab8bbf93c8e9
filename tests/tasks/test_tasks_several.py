from __future__ import annotations

import numpy as np
import pytest

from graft.tasks import TASK_KINDS
from graft.tasks.several import Held, Reference, answers_of, row_of, task_name
from graft.types import KINDS, Task

TASKS = (
    Task("classification", ("a", "b"), "kind"),
    Task("regression", (), "size"),
    Task("multi-label", ("p", "q"), "marks"),
)
OUTPUTS = np.array([[0.0, 2.0, 5.5, 3.0, -3.0], [2.0, 0.0, -1.0, -3.0, -3.0]])
GAP = np.nan
TARGETS = np.array([[1.0, 5.0, 1.0, 0.0], [GAP, -1.0, GAP, GAP]])


def test_every_kind_is_in_the_table() -> None:
    # A translation is no answer per class: `graft.evaluation.translation` measures it.
    assert {*TASK_KINDS, "translation"} == set(KINDS)
    assert task_name(TASKS) == "multi-task"


def test_answers_are_probabilities_and_numbers() -> None:
    found = answers_of(TASKS, OUTPUTS)
    assert found[:, :2].sum(axis=1) == pytest.approx([1, 1])
    assert found[:, 2].tolist() == [5.5, -1.0]
    assert found[0, 3] == pytest.approx(1 / (1 + np.exp(-3)))


def test_rows_are_told_by_column_and_the_same_keys_stand_for_the_unread() -> None:
    told = row_of(TASKS, answers_of(TASKS, OUTPUTS)[0])["tasks"]
    assert told["kind"]["label"] == "b"
    assert told["size"] == {"value": 5.5}
    assert told["marks"]["labels"] == ["p"]
    unread = row_of(TASKS, None)["tasks"]
    assert {name: set(part) for name, part in unread.items()} == {
        name: set(part) for name, part in told.items()
    }
    assert set(row_of(TASKS[:1], None)) == {"label", "probabilities"}


def test_each_task_is_measured_on_its_labelled_rows() -> None:
    held = Held(TASKS, answers_of(TASKS, OUTPUTS), TARGETS)
    found = held.evaluate()
    assert found["metrics"]["kind"]["accuracy"]["value"] == 1.0
    assert found["metrics"]["size"]["mae"]["value"] == pytest.approx(0.25)
    assert found["tasks"]["kind"]["count"] == 1
    assert found["tasks"]["size"]["points"] == [[5.0, 5.5], [-1.0, -1.0]]
    assert [(row, told["task"]) for row, told in held.worst()] == [(0, "size")]
    empty = Held(TASKS, answers_of(TASKS, OUTPUTS[1:]), TARGETS[1:]).evaluate()
    assert empty["metrics"]["kind"] == {}


def test_baselines_learn_from_the_labelled_rows_of_each_task() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 4))
    targets = np.column_stack([features[:, 0] > 0, features[:, 1] * 9, features[:, 2:] > 0])
    targets = np.where(random.random((50, 4)) < 0.2, np.nan, targets.astype(float))
    known = Reference(TASKS, targets)
    (name, constant), *none = known.constant(3).items()
    assert name == "constant"
    assert not none
    for answers in (constant, known.neighbours(features, features[:3])):
        assert answers.shape == (3, 5)
        assert np.isfinite(answers).all()
    linear = known.linear(features, features)
    assert ((linear[:, 0] < 0.5) == (features[:, 0] > 0)).mean() > 0.9
    assert np.abs(linear[:, 2] - features[:, 1] * 9).max() < 3
