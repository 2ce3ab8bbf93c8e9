"""Focal loss: what a model already knows well counts for less."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from graft.errors import UnknownNameError, unknown_name

CROSS_ENTROPY, FOCAL = "cross-entropy", "focal"
LOSSES = (CROSS_ENTROPY, FOCAL)
GAMMA = 2.0
"""The focusing parameter that Lin et al. found best (2017, table 1b)."""
SMALLEST = 1e-6
"""Below this a probability's distance from 1 counts as this, so that every power has a slope."""


def parse_loss(spec: str) -> float:
    """The focusing parameter of `cross-entropy` (0) or `focal[:GAMMA]`.

    >>> parse_loss("cross-entropy"), parse_loss("focal"), parse_loss("focal:0.5")
    (0.0, 2.0, 0.5)

    Raises:
        UnknownNameError: No such loss, or a parameter that is no positive number.
    """
    name, _, setting = spec.partition(":")
    if name not in LOSSES:
        raise unknown_name("loss", name, [CROSS_ENTROPY, f"{FOCAL}[:GAMMA]"])
    if spec == CROSS_ENTROPY:
        return 0.0
    try:
        gamma = float(setting) if setting else GAMMA
    except ValueError:
        gamma = math.nan
    if name == CROSS_ENTROPY or not 0 < gamma < math.inf:
        raise UnknownNameError(
            f"The loss '{spec}' has the setting '{setting}'",
            allowed="no setting for cross-entropy, a number above 0 for focal",
            next=f"use '{CROSS_ENTROPY}' or '{FOCAL}:{GAMMA:g}'",
        )
    return gamma


def focal_classes(logits: Tensor, targets: Tensor, gamma: float, smoothing: float) -> Tensor:
    """(B,) focal loss of one class a row: `(1 - p_t)^gamma * -ln p_t`.

    Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation 4, with the
    softmax in place of the sigmoid. With label smoothing every class has its share of the target
    and its own factor.

    Args:
        logits: (B, C).
        targets: (B,) class indices.
        gamma: The focusing parameter; 0 gives the cross-entropy.
        smoothing: Share of the target that is spread over all classes.
    """
    logs = F.log_softmax(logits, dim=1)
    each = -logs * (1 - logs.exp()).clamp_min(SMALLEST).pow(gamma)
    own = each.gather(1, targets[:, None])[:, 0]
    return (1 - smoothing) * own + smoothing * each.mean(dim=1) if smoothing else own


def focal_labels(
    logits: Tensor, targets: Tensor, gamma: float, positive_weights: Tensor | None
) -> Tensor:
    """(B, L) focal loss of each label: equation 4 of Lin et al. (2017).

    Args:
        logits: (B, L).
        targets: (B, L) 0 to 1; what lies between counts for both sides in its share.
        gamma: The focusing parameter; 0 gives the binary cross-entropy.
        positive_weights: (L,) factors on the positive part, or None.
    """
    borne, lacked = F.logsigmoid(logits), F.logsigmoid(-logits)
    positive = -borne * lacked.exp().clamp_min(SMALLEST).pow(gamma)
    negative = -lacked * borne.exp().clamp_min(SMALLEST).pow(gamma)
    if positive_weights is not None:
        positive = positive * positive_weights
    return torch.lerp(negative, positive, targets)
