"""Norm-only: the scales and shifts of normalisation layers, and the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy, probe


@dataclass(frozen=True, slots=True)
class NormOnly(Strategy):
    """A linear probe first, then the affine parameters of every normalisation layer.

    A fraction of a percent of the weights moves, so many tasks can share one backbone. Use it for
    shifts in style and illumination, and where few examples would overfit more. Running
    statistics stay as they are; `norm-only+bn-live` lets them follow. So few parameters need a
    rate some ten times that of full fine-tuning: 3e-3.

    Source: Frankle, Schwab and Morcos (2021), "Training BatchNorm and Only BatchNorm", section 3.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase."""
        plan = replace(Plan.top(blocks, len(blocks)), part="norm")
        return (probe(blocks), Phase("norms", plan, "gradient", lr=3e-3, keep_start=True))
