"""The optimizer and the schedule of a phase, from its plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from graft.errors import unknown_name
from graft.network import Network
from graft.plan import Plan

OPTIMIZERS = ("adamw", "adam", "sgd")
WARMUP_SHARE = 0.05
Groups = list[dict[str, object]]


def build_optimizer(
    name: str, plan: Plan, network: Network, objective: nn.Module, *, lr: float, weight_decay: float
) -> Optimizer:
    """One optimizer over the trained blocks, the head and the objective's own parameters.

    Raises:
        UnknownNameError: No such optimizer.
    """
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    groups = _parameter_groups(plan, network, objective, lr, weight_decay)
    if name == "sgd":
        return SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    # Fused: one pass over the parameters, about three times faster on a CPU than one per tensor.
    if name == "adam":
        return Adam(groups, lr=lr, fused=True)
    return AdamW(groups, lr=lr, fused=True)


def _parameter_groups(
    plan: Plan, network: Network, objective: nn.Module, lr: float, decay: float
) -> Groups:
    tensors = dict(network.backbone.model.named_parameters())
    groups: Groups = []
    for block, entry in zip(network.backbone.blocks, plan.blocks, strict=True):
        if entry.trains:
            members = [tensors[name] for name in block.tensors if name in tensors]
            groups += _by_decay(members, lr * entry.lr_scale, decay)
    rest = [*network.head.parameters(), *objective.parameters()]
    return groups + _by_decay(rest, lr, decay)


def _by_decay(parameters: Iterable[nn.Parameter], lr: float, decay: float) -> Groups:
    """Two groups: weight decay pulls on matrices and filters, not on biases and norms."""
    members = list(parameters)
    matrices = [p for p in members if p.ndim > 1]
    vectors = [p for p in members if p.ndim <= 1]
    return [
        {"params": group, "lr": lr, "weight_decay": wd}
        for group, wd in ((matrices, decay), (vectors, 0.0))
        if group
    ]


def _constant(_step: int, _steps: int) -> float:
    return 1.0


def _cosine(step: int, steps: int) -> float:
    warmup = max(1, round(WARMUP_SHARE * steps))
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


SCHEDULES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {"cosine": _cosine, "constant": _constant}
)


def build_schedule(name: str, optimizer: Optimizer, steps: int) -> LambdaLR:
    """The factor on the learning rate over a phase of `steps` steps.

    `cosine` warms up linearly over 5 % of the steps and then falls along half a cosine
    (Loshchilov and Hutter 2017, equation 5, without restarts); `constant` stays.

    Raises:
        UnknownNameError: No such schedule.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    factor = SCHEDULES[name]
    return LambdaLR(optimizer, lambda step: factor(step, steps))


def clip_gradients(optimizer: Optimizer, largest: float) -> None:
    """Scale all gradients down so that their joint norm is at most `largest`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, largest)
