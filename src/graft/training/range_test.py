"""The learning-rate range test: the rate rises from step to step until the loss does too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from statistics import median

import numpy as np

from graft.bank.source import open_source
from graft.errors import DataError
from graft.objectives import Objective
from graft.plan import apply
from graft.strategies import Phase
from graft.training.loop import Loop, grouped
from graft.training.optimizer import clip_gradients
from graft.training.rows import Rows, StageData
from graft.training.stage import StageRunner
from graft.types import Batch, Json

WINDOW = 7
NEAR = 0.02  # of the fall: as low as anywhere, where there is no noise
BLOWN_UP = 4.0  # times the first loss: the rest of the range tells nothing
RULE = (
    "a tenth of the highest rate at which the smoothed loss is still as low as anywhere, within "
    "the noise (Smith 2017, section 3.3, takes the rate where it begins to rise as the largest)"
)


@dataclass(frozen=True, slots=True)
class RangeTest:
    """The losses at rising rates.

    Attributes:
        phase: The phase that was tested.
        rates: (S,) rates, rising by the same factor.
        losses: (S,) the loss of the batch at each.
    """

    phase: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def smoothed(self) -> list[float]:
        """(S,) medians of the losses around each step."""
        return smooth(self.losses)

    @property
    def suggestion(self) -> float:
        """The rate that `RULE` gives."""
        return suggest(self.rates, self.losses)

    def to_dict(self) -> Json:
        """The figures as JSON values."""
        return {
            "suggestion": self.suggestion,
            "rule": RULE,
            "phase": self.phase,
            "rates": [*self.rates],
            "losses": [*self.losses],
            "smoothed": self.smoothed,
        }


def smooth(losses: Sequence[float]) -> list[float]:
    """Medians of up to seven losses around each step: no lag, and no single batch counts.

    >>> smooth([2.0, 2.0, 9.0, 2.0])
    [2.0, 2.0, 2.0, 2.0]
    """
    half = WINDOW // 2
    return [median(losses[max(0, at - half) : at + half + 1]) for at in range(len(losses))]


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate that `RULE` gives, to two digits.

    >>> suggest([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [2.0, 2.0, 2.0, 2.0, 2.0])
    0.1
    """
    smoothed = smooth(losses)
    noise = 1.4826 * median(abs(a - b) for a, b in zip(losses, smoothed, strict=True))
    lowest = min(smoothed)
    near = lowest + max(3 * noise, NEAR * (smoothed[0] - lowest))
    last = max(at for at, loss in enumerate(smoothed) if loss <= near)
    return float(f"{rates[last] / 10:.2g}")


def range_test(
    runner: StageRunner,
    phases: Sequence[Phase],
    data: StageData,
    objective: Objective,
    *,
    lowest: float,
    highest: float,
    steps: int,
) -> RangeTest:
    """Test the first phase that descends, after those before it have run.

    Args:
        runner: Its network ends with weights that are of no use.
        phases: The strategy's.
        data: The stage's rows.
        objective: The stage's losses.
        lowest: First rate.
        highest: Last rate.
        steps: From the first to the last.

    Raises:
        DataError: No phase descends.
    """
    place = next((i for i, phase in enumerate(phases) if phase.solver == "gradient"), None)
    if place is None:
        raise DataError(
            "The strategy has no phase with a learning rate: it is solved exactly",
            allowed="a strategy that descends, such as head, full, lp-ft or top-k",
            next="name one with --strategy",
        )
    runner.run(phases[:place], data, objective, None)
    phase = phases[place]
    runner.options = replace(runner.options, lr=1.0, schedule="constant")
    objective.to(runner.device)
    if phase.attach:
        phase.attach(runner.network, runner.options.seed)
    apply(phase.plan, runner.network)
    source = open_source(runner.network, phase.plan.frozen_depth, runner.feed, runner.warnings)
    rows = Rows(source, data, runner.options, runner.device)
    ground = runner.ground(phase, rows, objective)
    loop = ground.loop(steps, ground.average())
    rates = np.geomspace(lowest, highest, steps).tolist()
    losses = _losses(loop, rates)
    return RangeTest(phase.name, tuple(rates[: len(losses)]), tuple(losses))


def _losses(loop: Loop, rates: Sequence[float]) -> list[float]:
    """The loss at each rate, up to where it blows up."""
    scales = [group["lr"] for group in loop.optimizer.param_groups]
    found: list[float] = []
    loop.modes.train()
    for rate, group in zip(rates, _endless(loop), strict=False):
        for parameters, scale in zip(loop.optimizer.param_groups, scales, strict=True):
            parameters["lr"] = rate * scale
        loop.optimizer.zero_grad()
        loss = loop.gradients(group).item()
        if not math.isfinite(loss):
            break
        found.append(loss)
        if len(found) > WINDOW and median(found[-WINDOW:]) > BLOWN_UP * max(found[0], 1e-2):
            break
        clip_gradients(loop.optimizer, loop.clip)
        loop.optimizer.step()
    return found


def _endless(loop: Loop) -> Iterator[list[Batch]]:
    for epoch in count(1):
        yield from grouped(loop.batches.epoch(epoch), loop.accumulate)
