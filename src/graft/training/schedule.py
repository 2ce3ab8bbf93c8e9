"""Schedules: the factor on the learning rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from graft.errors import UnknownNameError, unknown_name
from graft.training.optimizer import OPTIMIZERS
from graft.types import Json

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


class Schedule(LambdaLR):
    """A schedule that can begin again over the steps that are left.

    Args:
        optimizer: Whose groups' rates are the peaks.
        factor: From step and number of steps to the factor on the rate.
        steps: How many steps the phase has.
    """

    def __init__(
        self, optimizer: Optimizer, factor: Callable[[int, int], float], steps: int
    ) -> None:
        self._factor = factor
        self._steps = steps
        self._begun = 0
        super().__init__(optimizer, self._now)

    def peak(self) -> float:
        """The rate that the last group has where the factor is 1."""
        return float(self.base_lrs[-1])

    def restart(self, divisor: float) -> None:
        """Begin again with smaller rates; the end stays where it is."""
        self._begun = self.last_epoch
        self.base_lrs = [rate / divisor for rate in self.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = rate * self._now(self.last_epoch)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state(self) -> Json:
        """What a checkpoint keeps of it; the rates themselves are the optimizer's."""
        return {
            "begun": self._begun,
            "last_epoch": self.last_epoch,
            "step_count": self._step_count,
            "base_lrs": [*self.base_lrs],
            "last_lr": [*self._last_lr],
        }

    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self._begun, self.last_epoch = state["begun"], state["last_epoch"]
        self._step_count = state["step_count"]
        self.base_lrs, self._last_lr = [*state["base_lrs"]], [*state["last_lr"]]

    def _now(self, step: int) -> float:
        return self._factor(step - self._begun, max(1, self._steps - self._begun))


def build_schedule(name: str, optimizer: Optimizer, steps: int) -> Schedule:
    """The factor on the learning rate over a phase of `steps` steps.

    All but `constant` warm up linearly over 5 % of the steps (Goyal et al. 2017, section 2.2).
    After that `cosine` falls along half a cosine (Loshchilov and Hutter 2017, equation 5, without
    restarts), `linear` falls along a line (Devlin et al. 2019, appendix A.2), `warm-up` stays.

    Raises:
        UnknownNameError: No such schedule.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    return Schedule(optimizer, SCHEDULES[name], steps)


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
