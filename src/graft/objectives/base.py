"""The one interface between what is learnt and the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.types import Batch, FloatArray, IntArray, Json, Targets


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the rows that an exact head is solved on.

    Attributes:
        views: How many pictures stand for each row. Features are (views * N, D) then, all rows'
            plain pictures first, and each row counts once.
        groups: (N,) numbers; rows with the same one are held out together where rows are held out
            to choose something.
        drawn: Whether the features have learnt the answers of these rows, so that holding some of
            them out tells little.
    """

    views: int = 1
    groups: IntArray | None = None
    drawn: bool = False


NOTHING_KNOWN = Known()


class Objective(nn.Module, ABC):
    """Named losses of a model on a batch. It may own parameters of its own, which then train."""

    @abstractmethod
    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Scalar losses by name; the loop minimises their sum."""

    def weigh(self, batch: Batch) -> float:
        """The batch's weight in the mean loss of several batches: its rows."""
        return float(len(batch))

    def begin(self) -> None:
        """A phase begins, or weights went back: forget what belongs to earlier steps."""

    def after_step(self) -> None:
        """The optimizer has taken a step with what came since the last one."""

    def state(self, model: nn.Module) -> Json:  # noqa: ARG002 - for those that remember it
        """What a checkpoint keeps of it, beside what is computed from the training rows.

        Args:
            model: What the phase under way trains.
        """
        return {"tensors": {**self.state_dict()}}

    def resume(self, state: Json, model: nn.Module) -> None:  # noqa: ARG002
        """Be as it was when `state` was taken, in the same phase of another process."""
        self.load_state_dict(state["tensors"])

    def alike(self, targets: Tensor) -> Tensor:
        """(B, B) how alike the answers for two rows should be, from 0 to 1; NaN where unknown.

        Here one minus the mean distance of the columns, each as a share of its range in the batch:
        of labels the share on which two rows agree, of a quantity how near they are.

        Args:
            targets: (B,) or (B, W), NaN where a label is missing.
        """
        columns = targets.float().reshape(len(targets), -1)
        distance = (columns[:, None] - columns).abs()
        spread = distance.nan_to_num(0.0).amax((0, 1)).clamp(min=1e-12)
        return 1 - (distance / spread).nanmean(2)

    @abstractmethod
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """Figures on held-out batches; `loss` is the one that early stopping minimises."""

    @abstractmethod
    def solve(
        self,
        features: FloatArray,
        targets: Targets,
        validation: tuple[FloatArray, Targets] | None,
        known: Known = NOTHING_KNOWN,
    ) -> LinearSolution | None:
        """The exact minimum over linear heads, or None where there is none from so many views.

        The features may be changed: many take half the memory then.

        Args:
            features: (N, D), or more with several views.
            targets: (N,) or (N, W).
            validation: Features (M, D) of plain pictures, and targets.
            known: What else is known of the rows.
        """
