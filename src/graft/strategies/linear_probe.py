"""Linear probe: every block frozen, a linear head solved exactly."""

from __future__ import annotations

from collections.abc import Sequence

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy


class LinearProbe(Strategy):
    """Logistic regression on the backbone's features, solved to convergence by L-BFGS.

    Use it first: it costs one pass of the backbone, has no learning rate, and is hard to beat when
    the pretrained features fit the task. With a head that is not linear it falls back to gradient
    descent, and the result says so.

    Source: the linear evaluation protocol of Kornblith, Shlens and Le (2019), section 3.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """One exact phase."""
        return (Phase("probe", Plan.top(blocks, 0), "exact"),)
