"""Binary cross-entropy or focal loss per label, for rows that bear any number of labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.closedform import LinearSolution, fit_one_vs_rest
from graft.errors import unknown_name
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.objectives.classification import CLASS_WEIGHTS
from graft.objectives.focal import focal_labels
from graft.types import Batch, FloatArray, IntArray, Targets


def positive_weights(policy: str, positives: IntArray, rows: int) -> FloatArray | None:
    """(L,) what a row that bears a label counts for beside one that does not, or None for 1.

    Args:
        policy: `balanced` gives negatives / positives, so that both count the same; `sqrt` its
            root, half-way; `none` and `auto` nothing, so that probabilities stay calibrated.
        positives: (L,) training rows that bear each label.
        rows: Training rows.

    Raises:
        UnknownNameError: No such policy.

    >>> positive_weights("balanced", np.array([10, 50]), 100)
    array([9., 1.])
    """
    if policy not in CLASS_WEIGHTS:
        raise unknown_name("class weighting", policy, CLASS_WEIGHTS)
    if policy in ("none", "auto"):
        return None
    odds = np.maximum(rows - positives, 1) / np.maximum(positives, 1)
    return np.asarray(odds if policy == "balanced" else np.sqrt(odds))


class MultiLabel(Objective):
    """Binary cross-entropy, or focal loss, the mean over labels and labelled rows.

    Args:
        labels: How many labels there are.
        weights: (L,) factors on the positive part of each label's loss, or None.
        label_smoothing: Pulls targets from 0 and 1 towards 1/2 by this share.
        gamma: Of the focal loss (`graft.objectives.focal`); 0 for cross-entropy.
    """

    def __init__(
        self,
        labels: int,
        *,
        weights: FloatArray | None = None,
        label_smoothing: float = 0.0,
        gamma: float = 0.0,
    ) -> None:
        super().__init__()
        self.labels = labels
        self.label_smoothing = label_smoothing
        self.gamma = gamma
        self.weights: Tensor | None
        tensor = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", tensor)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean loss."""
        wanted = batch.targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        name = "focal" if self.gamma else "binary_cross_entropy"
        return {name: self._each(model(batch.inputs).float(), wanted).mean()}

    def _each(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, L) losses."""
        if self.gamma:
            return focal_labels(logits, targets, self.gamma, self.weights)
        return F.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=self.weights, reduction="none"
        )

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` (not smoothed) and `hamming_accuracy`, the share of right answers per label."""
        loss, right, cells = 0.0, 0, 0
        for batch in batches:
            logits = model(batch.inputs).float()
            loss += float(self._each(logits, batch.targets).sum())
            right += int(((logits > 0) == (batch.targets > 0.5)).sum())
            cells += batch.targets.numel()
        return {"loss": loss / max(cells, 1), "hamming_accuracy": right / max(cells, 1)}

    def solve(
        self,
        features: FloatArray,
        targets: Targets,
        validation: tuple[FloatArray, Targets] | None,
        known: Known = NOTHING_KNOWN,
    ) -> LinearSolution | None:
        """One logistic regression per label to convergence; none with smoothing or focal loss."""
        if self.label_smoothing or self.gamma or known.views > 1:
            return None
        weights = None if self.weights is None else self.weights.cpu().numpy()
        return fit_one_vs_rest(
            features,
            targets,
            positive_weights=weights,
            validation=validation,
            groups=known.groups,
            drawn=known.drawn,
        )
