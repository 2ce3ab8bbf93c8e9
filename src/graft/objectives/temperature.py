"""Temperature: how sure probabilities are, apart from what they say."""

from __future__ import annotations

import math

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

LOWEST, HIGHEST = 0.25, 20.0
STEPS = 40
GOLDEN = (math.sqrt(5) - 1) / 2
ROWS = 5000
"""More held-out rows than this do not change one number."""


def best_temperature(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> float:
    """What logits are divided by for the least held-out log loss (Guo et al. 2017, section 4).

    `(log T)^2 / N` is added to the mean loss, so that a handful of rows that happen to be right do
    not make the rest surer. The sum has one minimum; a golden-section search over log T finds it.

    Args:
        logits: (N, C) of rows that were not learnt from.
        targets: (N,) class indices.
        weights: (C,) class weights, or None.
    """
    logits, targets = logits[:ROWS].double(), targets[:ROWS]
    factors = None if weights is None else weights.double()

    def loss(place: float) -> float:
        found = F.cross_entropy(logits / math.exp(place), targets, weight=factors)
        return float(found) + place**2 / len(targets)

    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def tempered(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> dict[str, float]:
    """`temperature`, and `tempered`, the held-out log loss at it."""
    temperature = best_temperature(logits, targets, weights)
    loss = F.cross_entropy(logits / temperature, targets, weight=weights)
    return {"tempered": float(loss), "temperature": temperature}
