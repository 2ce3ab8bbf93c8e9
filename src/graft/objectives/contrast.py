"""A loss of the features of a batch's rows and of how alike the rows are, instead of a head's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.types import Batch, FloatArray, Json, Targets

Contrast = Callable[[Tensor, Tensor], Tensor]
"""Features (B, D) and likeness (B, B) to a scalar."""


class Contrasted(Objective):
    """What a strategy makes of pairs of rows; the objective only says which are alike.

    Args:
        objective: Of the stage.
        head: The network's; its inputs are the features.
        contrast: The loss.

    Attributes:
        pairs: How many pairs were compared so far.
        batches: In how many batches.
    """

    def __init__(self, objective: Objective, head: nn.Module, contrast: Contrast) -> None:
        super().__init__()
        # In lists: they are other modules' own, and their parameters do not train here.
        self._objective, self._head = [objective], [head]
        self._contrast = contrast
        self.pairs, self.batches = 0, 0

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The loss of the features that reach the head."""
        seen: list[Tensor] = []
        hook = self._head[0].register_forward_pre_hook(lambda _module, args: seen.append(args[0]))
        try:
            model(batch.inputs)
        finally:
            hook.remove()
        self.pairs += len(batch) * (len(batch) - 1) // 2
        self.batches += 1
        return {"contrast": self._contrast(seen[0], self.alike(batch.targets))}

    def state(self, model: nn.Module) -> Json:
        """The counts, and what the stage's objective remembers."""
        inner = self._objective[0].state(model)
        return {"pairs": self.pairs, "batches": self.batches, "inner": inner}

    def resume(self, state: Json, model: nn.Module) -> None:
        """Be as it was when `state` was taken."""
        self.pairs, self.batches = state["pairs"], state["batches"]
        self._objective[0].resume(state["inner"], model)

    def alike(self, targets: Tensor) -> Tensor:
        """As the stage's objective says."""
        return self._objective[0].alike(targets)

    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss`, the mean over the batches."""
        with torch.no_grad():
            found = [float(self(model, batch)["contrast"]) for batch in batches]
        return {"loss": sum(found) / max(1, len(found))}

    def solve(
        self,
        features: FloatArray,  # noqa: ARG002
        targets: Targets,  # noqa: ARG002
        validation: tuple[FloatArray, Targets] | None,  # noqa: ARG002
        known: Known = NOTHING_KNOWN,  # noqa: ARG002
    ) -> LinearSolution | None:
        """None: there is no head in it."""
        return None

    def note(self) -> str:
        """How many pairs were compared."""
        return f"{self.pairs:,} pairs of rows compared in {self.batches} batches"
