"""Top-k: the last k blocks and the head train, the rest is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.errors import UnknownNameError
from graft.plan import Plan
from graft.strategies.base import Phase, Strategy, probe


@dataclass(frozen=True, slots=True)
class TopK(Strategy):
    """Partial fine-tuning: a linear probe first, then the last `k` blocks with it.

    The frozen blocks run once; every epoch starts from their stored outputs. Use it when the
    probe is good but not good enough and full fine-tuning is too dear.

    Source: Yosinski et al. (2014), section 4: early layers are general, late ones specific.
    """

    k: int = 1

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase.

        Raises:
            UnknownNameError: k is not between 1 and the number of blocks.
        """
        if not 1 <= self.k <= len(blocks):
            raise UnknownNameError(
                f"'top-k:{self.k}' does not fit a backbone of {len(blocks)} blocks",
                allowed=f"top-k:1 to top-k:{len(blocks)}",
                next="choose k in that range",
            )
        top = Phase("top", Plan.top(blocks, self.k), "gradient", lr=3e-4, keep_start=True)
        return (probe(blocks), top)
