"""Bias-only (BitFit): the biases and the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy, probe


@dataclass(frozen=True, slots=True)
class BiasOnly(Strategy):
    """A linear probe first, then every bias of the backbone, those of norms included.

    Less than a percent of the weights moves. Use it on transformers with few examples;
    convolutional networks have biases in their norms alone. The rate is some ten times that of
    full fine-tuning, as the source finds: 3e-3.

    Source: Ben Zaken, Goldberg and Ravfogel (2022), "BitFit: Simple Parameter-efficient
    Fine-tuning for Transformer-based Masked Language-models", section 3.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase."""
        plan = replace(Plan.top(blocks, len(blocks)), part="bias")
        return (probe(blocks), Phase("biases", plan, "gradient", lr=3e-3, keep_start=True))
