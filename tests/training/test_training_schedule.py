"""Schedules: known factors at every step, and pairs that make sense."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim import SGD

from graft.errors import UnknownNameError
from graft.training import OPTIMIZERS, SCHEDULES, choose_schedule
from graft.training.schedule import build_schedule


def rates(name: str, steps: int) -> list[float]:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = SGD([parameter], lr=1.0)
    schedule = build_schedule(name, optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(float(schedule.get_last_lr()[0]))
        optimizer.step()
        schedule.step()
    return found


def test_cosine_warms_up_over_a_twentieth_and_falls_to_nearly_nothing() -> None:
    found = rates("cosine", 100)
    assert found[:5] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    expected = [0.5 * (1 + math.cos(math.pi * step / 95)) for step in range(95)]
    assert found[5:] == pytest.approx(expected)
    assert 0 < found[-1] < 1e-3


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_a_rate_is_never_0_nor_above_1(name: str, steps: int) -> None:
    assert all(0 < rate <= 1 for rate in rates(name, steps))


def test_constant_stays_and_another_name_is_refused() -> None:
    assert rates("constant", 9) == [1.0] * 9
    with pytest.raises(UnknownNameError, match="'step'"):
        rates("step", 3)


def test_linear_falls_along_a_line_and_warm_up_stays() -> None:
    found = rates("linear", 100)
    assert found[:5] == rates("cosine", 100)[:5]
    assert found[5:] == pytest.approx([1 - step / 95 for step in range(95)])
    found = rates("warm-up", 100)
    assert found[:5] == rates("cosine", 100)[:5]
    assert found[5:] == [1.0] * 95


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_has_a_schedule_and_none_contradicts_it(optimizer: str) -> None:
    own = choose_schedule(optimizer, None)
    assert choose_schedule(optimizer, own) == own
    allowed = OPTIMIZERS[optimizer].schedules or tuple(SCHEDULES)
    for name in SCHEDULES:
        if name in allowed:
            assert choose_schedule(optimizer, name) == name
        else:
            with pytest.raises(UnknownNameError, match="does not go with"):
                choose_schedule(optimizer, name)


def test_unknown_names_are_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="'lion'"):
        choose_schedule("lion", None)
    with pytest.raises(UnknownNameError, match="'step'"):
        choose_schedule("adamw", "step")
