"""Optimizers: every parameter once, decay where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from schedulefree import AdamWScheduleFree
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from graft.errors import UnknownNameError
from graft.network import Network
from graft.objectives import Classification
from graft.plan import Plan, apply
from graft.training import OPTIMIZERS
from graft.training.optimizer import build_optimizer, clip_gradients
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
    kinds = {"adamw": AdamW, "adam": Adam, "sgd": SGD, "schedule-free": AdamWScheduleFree}
    assert set(kinds) == set(OPTIMIZERS)
    for name, kind in kinds.items():
        assert type(optimizer_of(network, plan, name)) is kind
    with pytest.raises(UnknownNameError, match="'lion'"):
        optimizer_of(network, plan, "lion")


def test_gradients_are_clipped_together() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([4.0])
    optimizer = SGD([{"params": [first]}, {"params": [second]}], lr=1.0)
    for largest in (10.0, 0.0):  # 0 stands for any
        assert float(clip_gradients(optimizer, largest)) == 5.0
    assert (float(first.grad), float(second.grad)) == (3.0, 4.0)
    clip_gradients(optimizer, 1.0)
    assert float(first.grad) == pytest.approx(0.6, rel=1e-4)
    assert float(second.grad) == pytest.approx(0.8, rel=1e-4)
