"""First-k: the first k blocks and the head train, the rest is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.errors import UnknownNameError
from graft.plan import BlockPlan, Plan
from graft.strategies.base import Phase, Strategy, probe


@dataclass(frozen=True, slots=True)
class FirstK(Strategy):
    """Surgical fine-tuning: a linear probe first, then the first `k` blocks with its head.

    Use it when the classes are those the backbone knows and the pictures look different: blur,
    noise, another sensor. What the late blocks know of objects is kept. It costs as much as full
    fine-tuning, since no block below the frozen ones can be stored.

    Source: Lee et al. (2023), "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts",
    section 3: the first block is best for input-level shifts. The default is one block.
    """

    k: int = 1

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase.

        Raises:
            UnknownNameError: k is not between 1 and the number of blocks.
        """
        if not 1 <= self.k <= len(blocks):
            raise UnknownNameError(
                f"'first-k:{self.k}' does not fit a backbone of {len(blocks)} blocks",
                allowed=f"first-k:1 to first-k:{len(blocks)}",
                next="choose k in that range",
            )
        plan = Plan(tuple(BlockPlan(name, i < self.k) for i, name in enumerate(blocks)))
        return (probe(blocks), Phase("first", plan, "gradient", lr=3e-4, keep_start=True))
