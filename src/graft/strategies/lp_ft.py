"""LP-FT: linear probe, then fine-tune everything from it."""

from __future__ import annotations

from collections.abc import Sequence

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy, probe


class LinearProbeThenFineTune(Strategy):
    """The probe gives the head, then every block trains at a small rate.

    BatchNorm keeps its pretrained statistics, because the probe was fitted to them. The probe
    itself competes with every epoch on validation, so fine-tuning that does not help is undone.

    Source: Kumar et al. (2022), "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", section 4.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase over all blocks."""
        everything = Plan.top(blocks, len(blocks))
        return (probe(blocks), Phase("fine-tune", everything, "gradient", lr=3e-4, keep_start=True))
