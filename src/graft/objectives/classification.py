"""Cross-entropy or focal loss over classes, with class weights and label smoothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.closedform import LinearSolution, fit_probe
from graft.errors import unknown_name
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.objectives.focal import focal_classes
from graft.objectives.temperature import tempered
from graft.types import Batch, FloatArray, IntArray

CLASS_WEIGHTS = ("auto", "none", "sqrt", "balanced")
# The ratio of the largest to the smallest class from which `auto` weights at all.
IMBALANCE_RATIO = 3.0


def class_weights(policy: str, counts: IntArray) -> FloatArray | None:
    """(C,) weights with mean 1 over the training rows, or None for equal weights.

    Args:
        policy: `balanced` weights a class by 1 / count, so that all classes count the same;
            `sqrt` by 1 / sqrt(count), half-way; `none` not at all; `auto` is `sqrt` when the
            largest class has more than three times the rows of the smallest, else `none`.
        counts: (C,) training rows per class.

    Raises:
        UnknownNameError: No such policy.

    >>> class_weights("balanced", np.array([30, 10])).round(3).tolist()
    [0.667, 2.0]
    """
    if policy not in CLASS_WEIGHTS:
        raise unknown_name("class weighting", policy, CLASS_WEIGHTS)
    present = counts[counts > 0]
    if policy == "auto":
        policy = "sqrt" if present.max() > IMBALANCE_RATIO * present.min() else "none"
    if policy == "none":
        return None
    power = 1.0 if policy == "balanced" else 0.5
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0.0)
    return np.asarray(weights * counts.sum() / (weights * counts).sum())


class Classification(Objective):
    """Cross-entropy, or focal loss, of one label per row.

    Args:
        classes: How many classes there are.
        weights: (C,) one factor per class, or None.
        label_smoothing: Share of the target that is spread over all classes
            (Szegedy et al. 2016, section 7).
        gamma: Of the focal loss (`graft.objectives.focal`); 0 for cross-entropy.
        exact_weights: (C,) further factors of the exact solution alone: what balanced sampling
            gives to gradient descent by repeating rows.
    """

    def __init__(
        self,
        classes: int,
        *,
        weights: FloatArray | None = None,
        label_smoothing: float = 0.0,
        gamma: float = 0.0,
        exact_weights: FloatArray | None = None,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.label_smoothing = label_smoothing
        self.gamma = gamma
        self.exact_weights = exact_weights
        self.weights: Tensor | None
        tensor = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", tensor)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean loss; with class weights, the weighted mean."""
        logits = model(batch.inputs).float()
        if self.gamma:
            each = focal_classes(logits, batch.targets, self.gamma, self.label_smoothing)
            return {"focal": self._weighted(each, batch.targets) / self.weigh(batch)}
        loss = F.cross_entropy(
            logits, batch.targets, weight=self.weights, label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": loss}

    def _weighted(self, each: Tensor, targets: Tensor) -> Tensor:
        """The sum of losses (B,), each times the weight of its class."""
        return (each if self.weights is None else each * self.weights[targets]).sum()

    def weigh(self, batch: Batch) -> float:
        """The rows' class weights, of which the loss is the weighted mean; else their number."""
        return float(len(batch) if self.weights is None else self.weights[batch.targets].sum())

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` (weighted like the training loss, not smoothed) and `accuracy`.

        Of cross-entropy also `tempered`, the loss at the best `temperature`.
        """
        loss, weight, correct, rows = 0.0, 0.0, 0, 0
        seen: list[Batch] = []
        for batch in batches:
            logits = model(batch.inputs).float()
            if self.gamma:
                each = focal_classes(logits, batch.targets, self.gamma, 0.0)
                loss += float(self._weighted(each, batch.targets))
            else:
                loss += float(
                    F.cross_entropy(logits, batch.targets, weight=self.weights, reduction="sum")
                )
            seen.append(Batch(logits, batch.targets))
            weight += self.weigh(batch)
            correct += int((logits.argmax(1) == batch.targets).sum())
            rows += len(batch)
        found = {"loss": loss / max(weight, 1e-12), "accuracy": correct / max(rows, 1)}
        return found if self.gamma or not rows else {**found, **self._tempered(seen)}

    def _tempered(self, seen: list[Batch]) -> dict[str, float]:
        logits = torch.cat([batch.inputs for batch in seen])
        return tempered(logits, torch.cat([batch.targets for batch in seen]), self.weights)

    def solve(
        self,
        features: FloatArray,
        targets: IntArray,
        validation: tuple[FloatArray, IntArray] | None,
        known: Known = NOTHING_KNOWN,
    ) -> LinearSolution | None:
        """Multinomial logistic regression to convergence; none with smoothing or focal loss."""
        if self.label_smoothing or self.gamma:
            return None
        weights = None if self.weights is None else self.weights.cpu().numpy()[targets]
        if self.exact_weights is not None:
            weights = (1.0 if weights is None else weights) * self.exact_weights[targets]
        return self.fitted(features, targets, weights, validation, known)

    def fitted(
        self,
        features: FloatArray,
        targets: IntArray,
        weights: FloatArray | None,
        validation: tuple[FloatArray, IntArray] | None,
        known: Known,
    ) -> LinearSolution:
        """Multinomial logistic regression; see `fit_probe`."""
        return fit_probe(
            features,
            targets,
            self.classes,
            weights=weights,
            validation=validation,
            views=known.views,
            groups=known.groups,
            drawn=known.drawn,
            overwrite=True,
        ).solution

    def alike(self, targets: Tensor) -> Tensor:
        """1 for rows of one class, else 0."""
        return (targets[:, None] == targets).float()
