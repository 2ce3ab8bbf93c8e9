"""Gradual unfreezing: the last blocks train first, then more and more of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.plan import BlockPlan, Plan
from graft.strategies.base import Phase, Strategy, probe

# Each step but the last takes this share of the epochs.
STEP_SHARE = 0.1
# The rate of each group of blocks is this fraction of the group's above it.
RATE_RATIO = 1 / 2.6


@dataclass(frozen=True, slots=True)
class Gradual(Strategy):
    """A probe, then `steps` phases that each let one more group of blocks train, from the top.

    The blocks are divided into `steps` groups of equal size; a group below another learns 2.6
    times slower, whether or not it trains already. Every phase but the last takes a tenth of the
    epochs and starts from the stored outputs of what is still frozen. Use it on deep backbones
    with few examples, where `lp-ft` forgets.

    Source: Howard and Ruder (2018), "Universal Language Model Fine-tuning for Text
    Classification", sections 3.2 (rates) and 3.3 (unfreezing). There each block is a group of its
    own, for one epoch; with four groups and shares a phase does not depend on the depth.
    """

    steps: int = 4

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase per group; fewer where blocks are fewer."""
        steps = min(self.steps, len(blocks))
        last = 1 - STEP_SHARE * (steps - 1)
        return (
            probe(blocks),
            *(
                Phase(
                    f"unfreeze {step} of {steps}",
                    self._plan(blocks, step, steps),
                    "gradient",
                    share=STEP_SHARE if step < steps else max(last, STEP_SHARE),
                    lr=1e-3,
                    keep_start=True,
                )
                for step in range(1, steps + 1)
            ),
        )

    def _plan(self, blocks: Sequence[str], step: int, steps: int) -> Plan:
        """The upper `step` of `steps` groups train."""
        above = [(len(blocks) - 1 - i) * steps // len(blocks) for i in range(len(blocks))]
        return Plan(
            tuple(
                BlockPlan(name, group < step, RATE_RATIO**group)
                for name, group in zip(blocks, above, strict=True)
            )
        )
