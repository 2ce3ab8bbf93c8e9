"""Full fine-tuning: everything moves."""

from __future__ import annotations

from collections.abc import Sequence

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy


class Full(Strategy):
    """Every block and the head train together from the first step; BatchNorm statistics are live.

    Use it with many examples, or from random weights. With few, the random head's first gradients
    distort the features (Kumar et al. 2022, section 3): `lp-ft` avoids that.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """One gradient phase."""
        return (Phase("full", Plan.top(blocks, len(blocks), norm="live"), "gradient", lr=1e-3),)
