"""Discriminative rates: everything trains, early blocks more slowly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.plan import BlockPlan, Plan
from graft.strategies.base import Phase, Strategy, probe


@dataclass(frozen=True, slots=True)
class Discriminative(Strategy):
    """Layer-wise decay of the learning rate: the head learns at the full rate, each block below
    at `decay` times the rate of the one above.

    Use it for transformers, and wherever early blocks should move less. The default 0.75 is that
    of timm's `param_groups_layer_decay`, 0.65 is used for masked autoencoders; for shallow
    backbones take less, such as `discriminative:0.5`. It begins with a probe, as `lp-ft` does.

    Source: Howard and Ruder (2018), section 3.2; Clark et al. (2020), "ELECTRA", appendix A, for
    one factor per layer.
    """

    decay: float = 0.75

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase over all blocks."""
        plan = Plan(
            tuple(
                BlockPlan(name, True, self.decay ** (len(blocks) - i))
                for i, name in enumerate(blocks)
            )
        )
        return (probe(blocks), Phase("fine-tune", plan, "gradient", lr=1e-3, keep_start=True))
