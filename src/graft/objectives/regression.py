"""Squared or Huber error of a quantity, on a scale on which it has unit variance."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.closedform import LinearSolution, fit_quantities
from graft.errors import unknown_name
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.types import Batch, FloatArray, Targets

REGRESSION_LOSSES = ("squared", "huber")


def scale_of(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of the training values; 1 where they do not vary.

    >>> scale_of(np.array([1.0, 3.0, np.nan]))
    (2.0, 1.0)
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    return float(known.mean()), float(known.std()) or 1.0


class Regression(Objective):
    """The error of one quantity divided by its standard deviation, squared or Huber's.

    The network answers in the quantity's own units; only the loss is on the standard scale, so
    that its value and its gradients do not depend on the unit.

    Args:
        mean: Of the training values.
        scale: Their standard deviation.
        loss: `squared`, or `huber`, which is linear beyond one standard deviation and so gives
            way to outliers (Huber 1964).

    Raises:
        UnknownNameError: No such loss.
    """

    def __init__(self, mean: float = 0.0, scale: float = 1.0, loss: str = "squared") -> None:
        super().__init__()
        if loss not in REGRESSION_LOSSES:
            raise unknown_name("loss of a quantity", loss, REGRESSION_LOSSES)
        self.mean, self.scale, self.loss = mean, scale, loss

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean error."""
        return {f"{self.loss}_error": self._errors(model(batch.inputs), batch.targets).mean()}

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss`, and `mae`, the mean absolute error in the quantity's units."""
        loss, absolute, rows = 0.0, 0.0, 0
        for batch in batches:
            outputs = model(batch.inputs)
            loss += float(self._errors(outputs, batch.targets).sum())
            absolute += float((outputs.float() - _column(batch.targets)).abs().sum())
            rows += len(batch)
        return {"loss": loss / max(rows, 1), "mae": absolute / max(rows, 1)}

    def solve(
        self,
        features: FloatArray,
        targets: Targets,
        validation: tuple[FloatArray, Targets] | None,  # noqa: ARG002 - leave-one-out decides
        known: Known = NOTHING_KNOWN,
    ) -> LinearSolution | None:
        """Ridge regression in closed form; none for Huber's error."""
        if self.loss != "squared" or len(targets) < 2 or known.views > 1:
            return None
        values = np.asarray(targets, dtype=np.float64).reshape(len(targets), 1)
        return fit_quantities(features, values, known.groups)

    def _errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(B, 1) error of each row on the standard scale."""
        found = (outputs.float() - self.mean) / self.scale
        wanted = (_column(targets) - self.mean) / self.scale
        if self.loss == "huber":
            return F.huber_loss(found, wanted, reduction="none")
        return (found - wanted).square()


def _column(targets: Tensor) -> Tensor:
    return targets.float().reshape(-1, 1)
