"""The one interface between what is learnt and the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.types import Batch, FloatArray, IntArray, Json, Targets


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
        groups: IntArray | None = None,
    ) -> LinearSolution | None:
        """The exact minimum over linear heads on features (N, D), or None where there is none.

        The features may be changed: many take half the memory then. Rows with the same number in
        `groups` (N,) are held out together where rows are held out to choose something.
        """

    def solve_views(
        self,
        features: FloatArray,  # noqa: ARG002 - for those that can
        targets: Targets,  # noqa: ARG002
        validation: tuple[FloatArray, Targets] | None,  # noqa: ARG002
        views: int,  # noqa: ARG002
        groups: IntArray | None = None,  # noqa: ARG002
    ) -> LinearSolution | None:
        """`solve` where several views stand for each row, or None where only one can be used.

        Args:
            features: (views * N, D), all rows' plain pictures first. Each row counts once.
            targets: (N,).
            validation: Features (M, D) of plain pictures, and targets (M,).
            views: How many there are of each row.
            groups: (N,) as for `solve`.
        """
        return None
