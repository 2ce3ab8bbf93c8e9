"""The watch: tells from losses, outputs and gradients that training went wrong, and how.

It looks every few steps and needs one number per step that the loop has anyway, so it costs
nothing that could be measured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor, nn

from graft.types import Json

LOOK = 10  # steps between two looks, and the window that a look judges
PATIENT_LOOKS = 3  # outputs that are all the same must be so for as many looks in a row

# Shares of the chance loss, the loss of outputs that are all 0.
ABSURD = 100.0  # above the first loss: no single batch is as hard
UNSURE = 0.15  # noise of the first loss, which alone no bad step has touched
RISE = 0.3  # above the lowest level, besides twice the noise: diverging
LEARNT, LOST = 0.6, 0.9  # once below the first, now above the second: what was known is gone
USELESS = 0.7  # with weights that moved far: what was pretrained is gone
FAR = 1.0  # as a multiple of the weights' own norm
# With outputs that differ between rows less than at the start and a loss that has not fallen,
# a transformer's pretrained layers are gone long before that.
FADED, SOMEWHAT = 0.2, 0.1
# Of the spread of the outputs over rows at the start; or rounding alone.
SAME, EQUAL = 0.02, 1e-6
# Above the lowest level, in shares of chance: still worth keeping.
NEAR = 0.05
# A gradient this small is 0, and a loss above this share of chance is not a perfect fit.
NOTHING, UNSOLVED = 1e-12, 0.05


@dataclass(slots=True)
class Level:
    """A loss with its noise, both robust to single batches.

    >>> level_of([1.0, 1.0, 9.0])
    Level(loss=1.0, noise=0.0)
    """

    loss: float
    noise: float


def level_of(losses: list[float]) -> Level:
    """Median, and the median distance from it, scaled to a standard deviation."""
    middle = median(losses)
    return Level(middle, 1.4826 * median(abs(loss - middle) for loss in losses))


class Outputs:
    """Keeps the latest outputs of a module, without copying or waiting for them."""

    def __init__(self) -> None:
        self.latest: Tensor | None = None

    def keep(self, _module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        """The forward hook."""
        self.latest = outputs.detach()

    def spread(self) -> float:
        """Mean over columns of the standard deviation over rows; NaN for a single row."""
        if self.latest is None or len(self.latest) < 2:
            return math.nan
        return float(self.latest.float().std(dim=0).mean())


@contextmanager
def outputs_of(module: nn.Module) -> Iterator[Outputs]:
    """Listen to a module inside the block."""
    outputs = Outputs()
    handle = module.register_forward_hook(outputs.keep)
    try:
        yield outputs
    finally:
        handle.remove()


@dataclass(slots=True)
class Watch:
    """Judges steps.

    Attributes:
        chance: Loss of outputs that are all 0: what knowing nothing costs.
        outputs: Of the head.
        level: The lowest level so far.
        settled: Whether the last step ended with a look that found a loss near that level.
    """

    chance: float
    outputs: Outputs
    level: Level = field(default_factory=lambda: Level(math.inf, 0.0))
    settled: bool = False
    _losses: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK))
    _first: float = math.inf
    _spread: float = math.nan
    _same: int = 0
    _steps: int = 0

    def see(self, loss: float, norm: Tensor, moved: Callable[[], float]) -> str | None:
        """Judge a step.

        Args:
            loss: Its loss.
            norm: () norm of its gradient.
            moved: How far pretrained weights are from the last good ones, as a multiple of their
                norm; 0 where none train. Asked only where the loss is high.

        Returns:
            What went wrong, as the end of a sentence, or None.
        """
        self.settled = False
        if not math.isfinite(loss) or loss > ABSURD * self.chance + self._first:
            return f"the loss became {loss:.3g}"
        self._losses.append(loss)
        self._steps += 1
        if not math.isfinite(self._first):
            self._first, self._spread = loss, self.outputs.spread()
        if not math.isfinite(self.level.loss):
            self.level = Level(loss, UNSURE * self.chance)
        return self._look(norm, moved) if self._steps % LOOK == 0 else None

    def go_back(self, level: Level) -> None:
        """Forget what was seen after the weights were at this level."""
        self.level = level
        self._losses.clear()
        self._same = self._steps = 0

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        return {
            "level": [self.level.loss, self.level.noise],
            "settled": self.settled,
            "losses": [*self._losses],
            "first": self._first,
            "spread": self._spread,
            "same": self._same,
            "steps": self._steps,
        }

    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self.level = Level(*state["level"])
        self.settled = state["settled"]
        self._losses = deque(state["losses"], maxlen=LOOK)
        self._first, self._spread = state["first"], state["spread"]
        self._same, self._steps = state["same"], state["steps"]

    def _look(self, norm: Tensor, moved: Callable[[], float]) -> str | None:
        found = level_of([*self._losses])
        now = found.loss
        fault = self._dead(norm) or self._risen(now) or self._destroyed(now, moved)
        if fault is not None:
            return fault
        near = self.level.loss + max(self.level.noise, NEAR * self.chance)
        self.settled = now <= near and not self._same
        if now < self.level.loss:
            self.level = found
        return None

    def _dead(self, norm: Tensor) -> str | None:
        """No gradient, or outputs that are the same for every row, although much is unsolved."""
        if self._losses[-1] <= UNSOLVED * self.chance:
            self._same = 0
            return None
        if float(norm) <= NOTHING:
            return "the head is dead (its gradient is 0)"
        spread = self.outputs.spread()
        # NaN compares as False: a single row tells nothing.
        self._same = self._same + 1 if spread <= max(SAME * self._spread, EQUAL) else 0
        if self._same < PATIENT_LOOKS:
            return None
        return "the outputs collapsed: they are the same for every row"

    def _risen(self, now: float) -> str | None:
        highest = self.level.loss + RISE * self.chance + 2 * self.level.noise
        lost = self.level.loss <= LEARNT * self.chance and now >= LOST * self.chance
        if now <= highest and not lost:
            return None
        return f"the loss rose from {self.level.loss:.3g} to {now:.3g}"

    def _destroyed(self, now: float, moved: Callable[[], float]) -> str | None:
        if now < USELESS * self.chance:
            return None
        share = moved()
        faded = self.outputs.spread() <= FADED * self._spread
        useless = faded and now >= LOST * self._first
        if share <= (SOMEWHAT if useless else FAR):
            return None
        same = ", the outputs hardly differ between rows" if useless else ""
        return (
            f"the loss is {now:.3g}{same} and the pretrained weights have moved by {share:.1f} "
            "times their size"
        )


@torch.no_grad()
def distance(now: list[Tensor], before: list[Tensor]) -> float:
    """Norm of the difference of some tensors from what they were, by the norm of that.

    Nothing has moved by 0.

    >>> distance([torch.tensor([2.0, 4.0])], [torch.tensor([2.0, 0.0])])
    2.0
    """
    if not now:
        return 0.0
    moved = torch.stack([(a - b).float().square().sum() for a, b in zip(now, before, strict=True)])
    size = torch.stack([b.float().square().sum() for b in before])
    return float((moved.sum() / size.sum().clamp_min(1e-30)).sqrt())
