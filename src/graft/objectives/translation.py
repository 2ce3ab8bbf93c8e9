"""Cross-entropy of every token of a translation, given those before it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.types import Batch, FloatArray, Targets

IGNORED = -100
"""What stands in the targets where there is no token."""


class Translation(Objective):
    """Cross-entropy, the mean over target tokens.

    The model gives logits (M, V) for the M tokens of all translations of a batch, row after row,
    and none for padding; the targets (B, T) are filled up with -100. A batch weighs as much as it
    has tokens, so that several batches give the gradient of one that holds them all.

    Args:
        label_smoothing: Share of the target that is spread over the vocabulary
            (Vaswani et al. 2017, section 5.4: 0.1).
    """

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean cross-entropy; NaN where outputs that are no numbers passed for padding."""
        logits, labels = model(batch.inputs).float(), _tokens(batch)
        if len(logits) != len(labels):
            return {"cross_entropy": logits.sum() * torch.nan}
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        return {"cross_entropy": loss}

    def weigh(self, batch: Batch) -> float:
        """Its target tokens."""
        return float((batch.targets != IGNORED).sum())

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` (not smoothed) and `token_accuracy`, the share of tokens that come first."""
        loss, right, tokens = 0.0, 0, 0
        for batch in batches:
            logits, labels = model(batch.inputs).float(), _tokens(batch)
            if len(logits) != len(labels):
                return {"loss": float("nan"), "token_accuracy": 0.0}
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            right += int((logits.argmax(1) == labels).sum())
            tokens += len(labels)
        return {"loss": loss / max(tokens, 1), "token_accuracy": right / max(tokens, 1)}

    def solve(
        self,
        features: FloatArray,  # noqa: ARG002 - there is none
        targets: Targets,  # noqa: ARG002
        validation: tuple[FloatArray, Targets] | None,  # noqa: ARG002
        known: Known = NOTHING_KNOWN,  # noqa: ARG002
    ) -> LinearSolution | None:
        """None: there is no exact solution."""
        return None


def _tokens(batch: Batch) -> Tensor:
    """(M,) the tokens of all translations, row after row."""
    return batch.targets[batch.targets != IGNORED]
