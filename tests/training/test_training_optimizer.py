"""Optimizers and schedules: every parameter once, decay where it belongs, known rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from graft.errors import UnknownNameError
from graft.network import Network
from graft.objectives import Classification
from graft.plan import Plan, apply
from graft.training import OPTIMIZERS, SCHEDULES
from graft.training.optimizer import build_optimizer, build_schedule, clip_gradients
from graft.types import Batch

MakeNetwork = Callable[..., Network]


class Learning(Classification):
    """An objective with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__(3)
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return super().forward(model, batch)


def plan_of(network: Network, count: int) -> Plan:
    return Plan.top([block.name for block in network.backbone.blocks], count)


def optimizer_of(
    network: Network, plan: Plan, name: str = "adamw", objective: nn.Module | None = None
) -> Optimizer:
    apply(plan, network)
    loss = objective or Classification(3)
    return build_optimizer(name, plan, network, loss, lr=0.1, weight_decay=0.05)


@pytest.mark.parametrize("count", [0, 1, 3, 5])
@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_every_trainable_parameter_is_there_exactly_once(
    architecture: str, count: int, make_network: MakeNetwork
) -> None:
    network, objective = make_network(architecture), Learning()
    optimizer = optimizer_of(network, plan_of(network, count), objective=objective)
    found = [id(p) for group in optimizer.param_groups for p in group["params"]]
    wanted = {id(p) for p in network.parameters() if p.requires_grad}
    wanted |= {id(p) for p in objective.parameters()}
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_decay_pulls_on_matrices_alone(make_network: MakeNetwork) -> None:
    network = make_network()
    optimizer = optimizer_of(network, plan_of(network, 5))
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)


def test_each_block_has_its_own_rate(make_network: MakeNetwork) -> None:
    network = make_network()
    plan = plan_of(network, 2)
    blocks = (*plan.blocks[:-2], replace(plan.blocks[-2], lr_scale=0.5), plan.blocks[-1])
    optimizer = optimizer_of(network, Plan(blocks))
    names = {id(p): name for name, p in network.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, rate in rates.items():
        assert rate == (0.05 if "layer3.0" in name else 0.1), name


def test_the_names_stand_for_what_they_say(make_network: MakeNetwork) -> None:
    network = make_network()
    plan = plan_of(network, 1)
    kinds = {"adamw": AdamW, "adam": Adam, "sgd": SGD}
    assert set(kinds) == set(OPTIMIZERS)
    for name, kind in kinds.items():
        assert type(optimizer_of(network, plan, name)) is kind
    with pytest.raises(UnknownNameError, match="'lion'"):
        optimizer_of(network, plan, "lion")


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
    with pytest.raises(UnknownNameError, match="'linear'"):
        rates("linear", 3)


def test_gradients_are_clipped_together() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([4.0])
    optimizer = SGD([{"params": [first]}, {"params": [second]}], lr=1.0)
    clip_gradients(optimizer, 10.0)
    assert (float(first.grad), float(second.grad)) == (3.0, 4.0)
    clip_gradients(optimizer, 1.0)
    assert float(first.grad) == pytest.approx(0.6, rel=1e-4)
    assert float(second.grad) == pytest.approx(0.8, rel=1e-4)
