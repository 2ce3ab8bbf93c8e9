"""Contrastive fine-tuning: rows of one class are drawn together, then an exact head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy, probe

STEPS = 8


class Contrastive(Strategy):
    """The upper half of the blocks trains so that the features of rows of one class point the same
    way and those of others stand at right angles; then the head is solved exactly on the new
    features.

    After SetFit (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts", section 3):
    the error is the squared difference between the cosine of two features and 1 or 0, and the head
    is logistic regression. What differs: SetFit trains every block at 2e-5, draws pairs beforehand
    and computes both texts of each. Here all B (B - 1) / 2 pairs of a batch are used, for the price
    of its B rows, and like and unlike pairs weigh the same in each batch, where SetFit repeats the
    rarer ones. The lower half stays as it was pretrained, which is more accurate with few rows and
    leaves half of the work; the rate is fifteen times SetFit's (3e-4 for text encoders), so that
    eight steps are enough, and more make it worse. How many pairs that were stands in the result.
    Pictures work alike; so do several labels a row, quantities and several tasks, where rows are
    more or less alike (`graft.objectives.Objective.alike`).

    Use it with few labelled texts a class, beside the probe: it is more accurate up to some dozens
    a class, and costs a few passes over the rows. Without validation rows it is surer of its
    answers than it should be: the rows that the head is solved on have been drawn together.
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """A gradient phase on pairs, then an exact probe."""
        upper = Plan.top(blocks, max(1, len(blocks) // 2))
        pairs = Phase("contrast", upper, "gradient", steps=STEPS, lr=1.8e-3, contrast=cosines)
        return (pairs, replace(probe(blocks), share=0.5, drawn=True))


def cosines(features: Tensor, alike: Tensor) -> Tensor:
    """The mean squared error of cosines, over like pairs and over unlike ones, averaged.

    Args:
        features: (B, D).
        alike: (B, B) how alike two rows are, from 0 to 1; NaN where that is unknown.
    """
    unit = functional.normalize(features.float(), dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), offset=1, device=unit.device)
    wanted = alike[first, second]
    known = ~wanted.isnan()
    wanted = wanted[known]
    errors = ((unit[first] * unit[second]).sum(1)[known] - wanted).square()
    parts = [
        (weights * errors).sum() / weights.sum().clamp(min=1e-6) for weights in (wanted, 1 - wanted)
    ]
    return torch.stack(parts).mean()
