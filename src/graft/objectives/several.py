"""Several label columns on one backbone: one objective each, on its own outputs and rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.data.targets import is_labelled, unpack
from graft.objectives.base import NOTHING_KNOWN, Known, Objective
from graft.types import Batch, FloatArray, Targets, Task, slices

AS_IT_IS = nn.Identity()
"""The model of a batch whose inputs are outputs already."""


class Several(Objective):
    """Losses of several tasks, each the mean over the rows that are labelled for it.

    The tasks' objectives never see each other, nor rows without their label. How their losses are
    put together is `combine`.

    Args:
        tasks: What each label column asks for.
        objectives: One for each task.
    """

    def __init__(self, tasks: Sequence[Task], objectives: Sequence[Objective]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.objectives = nn.ModuleList(objectives)
        self._outputs = slices(task.outputs for task in tasks)
        self._targets = slices(task.width for task in tasks)

    @abstractmethod
    def combine(
        self, losses: Mapping[str, Tensor], model: nn.Module, batch: Batch
    ) -> dict[str, Tensor]:
        """What is minimised; losses by task, without those that no row of the batch has."""

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The combined losses; 0 where no row has any label."""
        outputs = model(batch.inputs).float()
        losses = self.losses(outputs, batch.targets)
        return self.combine(losses, model, batch) if losses else {"unlabelled": 0.0 * outputs.sum()}

    def losses(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Each task's own loss on the rows that are labelled for it.

        Args:
            outputs: (B, C) of all tasks.
            targets: (B, W) of all tasks.
        """
        found = {}
        for number, (task, objective) in enumerate(self._pairs()):
            part = self._part(number, outputs, targets)
            if len(part):
                found[task.name] = torch.stack([*objective(AS_IT_IS, part).values()]).sum()
        return found

    @torch.no_grad()
    def score(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss`, the mean of the tasks' losses as `scale_loss` scales them, then each task's."""
        parts: list[list[Batch]] = [[] for _ in self.tasks]
        for batch in batches:
            outputs = model(batch.inputs).float()
            for number, kept in enumerate(parts):
                kept.append(self._part(number, outputs, batch.targets))
        figures: dict[str, float] = {}
        scaled = []
        for (task, objective), kept in zip(self._pairs(), parts, strict=True):
            known = [part for part in kept if len(part)]
            if known:
                scores = objective.score(AS_IT_IS, known)
                scaled.append(self.scale_loss(task.name, scores["loss"]))
                figures |= {f"{task.name}: {name}": value for name, value in scores.items()}
        return {"loss": float(np.mean(scaled)) if scaled else 0.0, **figures}

    def alike(self, targets: Tensor) -> Tensor:
        """The mean over the tasks for which both rows are labelled."""
        parts = []
        for number, (_, objective) in enumerate(self._pairs()):
            known = (~targets[:, self._targets[number]].isnan().any(dim=1)).nonzero()[:, 0]
            part = targets.new_full((len(targets), len(targets)), torch.nan)
            if len(known):
                wanted = self._part(number, targets, targets).targets
                part[known[:, None], known] = objective.alike(wanted).to(part.dtype)
            parts.append(part)
        return torch.stack(parts).nanmean(0)

    def scale_loss(self, task: str, loss: float) -> float:  # noqa: ARG002 - for those who scale
        """A task's loss as it counts in the mean over tasks."""
        return loss

    def solve(
        self,
        features: FloatArray,
        targets: Targets,
        validation: tuple[FloatArray, Targets] | None,
        known: Known = NOTHING_KNOWN,
    ) -> LinearSolution | None:
        """Every task's exact solution side by side; None if one of them has none.

        With a frozen backbone the tasks share nothing that trains, so this is the minimum of any
        weighted sum of their losses. A task that can use one view only takes the plain one.
        """
        solutions = []
        held_out = self._rows(*(validation or (features[:0], targets[:0])))
        pictures = features.reshape(known.views, len(targets), -1)
        columns = zip(self.tasks, unpack(self.tasks, targets), strict=True)
        for (task, column), (_, objective), later in zip(
            columns, self._pairs(), held_out, strict=True
        ):
            rows = is_labelled(task, column)
            own = pictures[:, rows].reshape(-1, pictures.shape[2])
            judging = later if len(later[0]) else None
            together = None if known.groups is None else known.groups[rows]
            of_task = replace(known, groups=together)
            found = _solved(objective, own, column[rows], judging, of_task)
            if found is None:
                return None
            solutions.append(found)
        weights, biases = [s.weight for s in solutions], [s.bias for s in solutions]
        return LinearSolution(np.concatenate(weights), np.concatenate(biases))

    def _rows(self, features: FloatArray, targets: Targets) -> list[tuple[FloatArray, Targets]]:
        """Per task the features and targets of the rows that are labelled for it."""
        found = []
        for task, column in zip(self.tasks, unpack(self.tasks, targets), strict=True):
            rows = is_labelled(task, column)
            found.append((features[rows], column[rows]))
        return found

    def _pairs(self) -> list[tuple[Task, Objective]]:
        known = [each for each in self.objectives if isinstance(each, Objective)]
        return list(zip(self.tasks, known, strict=True))

    def labelled(self, number: int, targets: Tensor) -> int:
        """How many rows are labelled for a task."""
        return int((~targets[:, self._targets[number]].isnan().any(dim=1)).sum())

    def _part(self, number: int, outputs: Tensor, targets: Tensor) -> Batch:
        """The outputs and targets of one task on the rows that are labelled for it."""
        wanted = targets[:, self._targets[number]]
        rows = ~wanted.isnan().any(dim=1)
        wanted = wanted[rows]
        if self.tasks[number].one_class:
            wanted = wanted[:, 0].long()
        return Batch(outputs[rows][:, self._outputs[number]], wanted)


def _solved(
    objective: Objective,
    features: FloatArray,
    targets: Targets,
    validation: tuple[FloatArray, Targets] | None,
    known: Known,
) -> LinearSolution | None:
    """From all views where the objective can use them, else from the plain ones."""
    found = objective.solve(features, targets, validation, known)
    if found is None and known.views > 1:
        plain = features[: len(targets)]
        return objective.solve(plain, targets, validation, replace(known, views=1))
    return found
