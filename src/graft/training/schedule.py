"""Schedules: the factor on the learning rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from graft.errors import UnknownNameError, unknown_name
from graft.training.optimizer import OPTIMIZERS

WARMUP_SHARE = 0.05


def _constant(_step: int, _steps: int) -> float:
    return 1.0


def _warmup(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / (_warmup_steps(steps) + 1))


def _cosine(step: int, steps: int) -> float:
    return _warmup(step, steps) * 0.5 * (1 + math.cos(math.pi * _progress(step, steps)))


def _linear(step: int, steps: int) -> float:
    return _warmup(step, steps) * (1 - _progress(step, steps))


def _warmup_steps(steps: int) -> int:
    return max(1, round(WARMUP_SHARE * steps))


def _progress(step: int, steps: int) -> float:
    """Share of the way from the end of the warm-up to the end."""
    warmup = _warmup_steps(steps)
    return max(0, step - warmup) / max(1, steps - warmup)


SCHEDULES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {"cosine": _cosine, "linear": _linear, "warm-up": _warmup, "constant": _constant}
)


def build_schedule(name: str, optimizer: Optimizer, steps: int) -> LambdaLR:
    """The factor on the learning rate over a phase of `steps` steps.

    All but `constant` warm up linearly over 5 % of the steps (Goyal et al. 2017, section 2.2).
    After that `cosine` falls along half a cosine (Loshchilov and Hutter 2017, equation 5, without
    restarts), `linear` falls along a line (Devlin et al. 2019, appendix A.2), `warm-up` stays.

    Raises:
        UnknownNameError: No such schedule.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    factor = SCHEDULES[name]
    return LambdaLR(optimizer, lambda step: factor(step, steps))


def choose_schedule(optimizer: str, schedule: str | None) -> str:
    """The schedule of a phase: the user's, or else the optimizer's own.

    >>> choose_schedule("adamw", None), choose_schedule("schedule-free", None)
    ('cosine', 'warm-up')

    Raises:
        UnknownNameError: No such optimizer or schedule, or two that contradict each other.
    """
    if optimizer not in OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, OPTIMIZERS)
    allowed = OPTIMIZERS[optimizer].schedules or tuple(SCHEDULES)
    if schedule is None:
        return allowed[0]
    if schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, SCHEDULES)
    if schedule not in allowed:
        raise UnknownNameError(
            f"The optimizer '{optimizer}' does not go with the schedule '{schedule}'",
            allowed=", ".join(allowed),
            next="leave --schedule out",
        )
    return schedule
