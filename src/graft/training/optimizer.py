"""The optimizer of a phase, from its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import SGD, Adam, AdamW, Optimizer

from graft.errors import unknown_name
from graft.network import Network
from graft.plan import Plan, trained_parameters
from graft.types import Json

Groups = list[dict[str, object]]


def _adamw(groups: Groups, lr: float) -> Optimizer:
    # Fused: one pass over the parameters, about three times faster on a CPU than one per tensor.
    return AdamW(groups, lr=lr, fused=True)


def _adam(groups: Groups, lr: float) -> Optimizer:
    return Adam(groups, lr=lr, fused=True)


def _sgd(groups: Groups, lr: float) -> Optimizer:
    return SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def _schedule_free(groups: Groups, lr: float) -> Optimizer:
    from schedulefree import AdamWScheduleFree

    optimizer: Optimizer = AdamWScheduleFree(groups, lr=lr)
    return optimizer


@dataclass(frozen=True, slots=True)
class OptimizerKind:
    """One optimizer and what goes with it where the user chooses nothing.

    Attributes:
        build: From parameter groups and a rate.
        rate: Its usual rate, as a multiple of AdamW's.
        adaptive: Whether it scales each parameter's step, so that the rate goes by family.
        schedules: The schedules that make sense with it, the default first; empty for all.
    """

    build: Callable[[Groups, float], Optimizer]
    rate: float = 1.0
    adaptive: bool = True
    schedules: tuple[str, ...] = ()


# SGD with momentum: fine-tuning at 0.01 (Kornblith et al. 2019, appendix A.4, finds optima around
# it) where AdamW takes 3e-4. Schedule-free (Defazio et al. 2024, section 4.2) averages the weights
# instead of lowering the rate; its best rates are 1 to 10 times the scheduled ones.
OPTIMIZERS: Mapping[str, OptimizerKind] = MappingProxyType(
    {
        "adamw": OptimizerKind(_adamw),
        "adam": OptimizerKind(_adam),
        "sgd": OptimizerKind(_sgd, rate=30.0, adaptive=False),
        "schedule-free": OptimizerKind(_schedule_free, rate=3.0, schedules=("warm-up", "constant")),
    }
)


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
    return OPTIMIZERS[name].build(groups, lr)


def _parameter_groups(
    plan: Plan, network: Network, objective: nn.Module, lr: float, decay: float
) -> Groups:
    groups: Groups = []
    for entry, members in trained_parameters(plan, network):
        groups += _by_decay(members.values(), lr * entry.lr_scale, decay)
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


def clip_gradients(optimizer: Optimizer, largest: float) -> Tensor:
    """Scale all gradients down so that their joint norm is at most `largest`; 0 for any.

    Returns:
        () the norm before.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    # Scaling by one would read and write every gradient for nothing.
    if largest and not norm <= largest:
        clip_grads_with_norm_(parameters, largest, norm)
    return norm


def optimizer_state(optimizer: Optimizer) -> Json:
    """What a checkpoint keeps of an optimizer: settings of its groups, and what it remembers of
    each parameter, in their order."""
    state = optimizer.state_dict()
    settings = [{k: v for k, v in g.items() if k != "params"} for g in state["param_groups"]]
    places = sorted(state["state"])
    return {
        "groups": settings,
        "places": places,
        "memories": [state["state"][place] for place in places],
    }


def resume_optimizer(optimizer: Optimizer, state: Json) -> None:
    """Make an optimizer over the same parameters what it was when `state` was taken."""
    fresh = optimizer.state_dict()
    groups = [
        {name: _like(group[name], found.get(name)) for name in group} | {"params": group["params"]}
        for group, found in zip(fresh["param_groups"], state["groups"], strict=True)
    ]
    members = [p for group in optimizer.param_groups for p in group["params"]]
    memories = {
        place: {name: _laid_out(value, members[place]) for name, value in memory.items()}
        for place, memory in zip(state["places"], state["memories"], strict=True)
    }
    optimizer.load_state_dict({"param_groups": groups, "state": memories})


def _laid_out(value: object, parameter: Tensor) -> object:
    """Tensors of a parameter's shape lie in memory as it does: fused steps go by that order."""
    if isinstance(value, Tensor) and value.ndim and value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value


def _like(present: object, found: object) -> object:
    """A setting with the type it has: JSON knows no tuples."""
    return tuple(found) if isinstance(present, tuple) and isinstance(found, list) else found
