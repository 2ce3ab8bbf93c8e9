"""Cross-entropy and ranked probability score of classes with an order."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from graft.closedform import LinearSolution, fit_ordered
from graft.objectives.base import Known
from graft.objectives.classification import Classification
from graft.types import Batch, FloatArray, IntArray

AS_IT_IS = nn.Identity()


class Ordinal(Classification):
    """One class a row, where a near miss is better than a far one.

    Beside the cross-entropy stands the ranked probability score, the squared distance between the
    cumulative probabilities and those of the truth, summed over the steps (Epstein 1969; as a loss
    of networks: Hou, Yu and Samaras 2016, "Squared Earth Mover's Distance", equation 4). Both are
    proper, so the logits stay those of an ordinary softmax with honest probabilities.
    """

    def fitted(
        self,
        features: FloatArray,
        targets: IntArray,
        weights: FloatArray | None,
        validation: tuple[FloatArray, IntArray] | None,
        known: Known,
    ) -> LinearSolution:
        """Logistic regression with or without one direction for all steps."""
        return fit_ordered(
            features,
            targets,
            self.classes,
            weights=weights,
            validation=validation,
            views=known.views,
            groups=known.groups,
            drawn=known.drawn,
        ).solution

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The means of both; with class weights, the weighted means."""
        outputs = Batch(model(batch.inputs).float(), batch.targets)
        losses = super().forward(AS_IT_IS, outputs)
        each = ranked_probability(outputs.inputs, batch.targets)
        return {
            **losses,
            "ranked_probability": self._weighted(each, batch.targets) / self.weigh(batch),
        }

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` (of both, weighted, not smoothed), `accuracy` and `mae`, the mean steps off."""
        outputs = [Batch(model(batch.inputs).float(), batch.targets) for batch in batches]
        found = super().score(AS_IT_IS, outputs)
        weight, ranked, steps = 0.0, 0.0, 0
        for batch in outputs:
            each = ranked_probability(batch.inputs, batch.targets)
            ranked += float(self._weighted(each, batch.targets))
            weight += self.weigh(batch)
            steps += int((batch.inputs.argmax(1) - batch.targets).abs().sum())
        rows = sum(len(batch) for batch in outputs)
        ranked /= max(weight, 1e-12)
        return {**found, "loss": found["loss"] + ranked, "mae": steps / max(rows, 1)}


def ranked_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """(B,) the score of each row, in steps: 0 where all probability is on the truth.

    Args:
        logits: (B, C), the classes in their order.
        targets: (B,) class indices.

    >>> ranked_probability(torch.tensor([[0.0, 0.0]]), torch.tensor([0])).tolist()
    [0.25]
    """
    below = logits.softmax(1).cumsum(1)[:, :-1]
    steps = torch.arange(logits.shape[1] - 1, device=logits.device)
    return (below - (targets[:, None] <= steps).float()).square().sum(1)
