"""From a task and its training targets to the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from graft.data.targets import is_labelled, support, unpack
from graft.objectives.base import Objective
from graft.objectives.classification import Classification, class_weights
from graft.objectives.multi_label import MultiLabel, positive_weights
from graft.objectives.ordinal import Ordinal
from graft.objectives.regression import Regression, scale_of
from graft.objectives.translation import Translation
from graft.types import Kind, Targets, Task


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What a user may choose about losses.

    Attributes:
        class_weights: Policy for imbalance, a name of `graft.objectives.CLASS_WEIGHTS`.
        label_smoothing: Share of the target spread over all classes.
        regression: Loss of a quantity, a name of `graft.objectives.REGRESSION_LOSSES`.
        gamma: Of the focal loss of classes and labels; 0 for cross-entropy.
        balanced: Whether batches hold every class equally often, which exact solutions then
            follow by weighting rows.
    """

    class_weights: str = "auto"
    label_smoothing: float = 0.0
    regression: str = "squared"
    gamma: float = 0.0
    balanced: bool = False


def build_objective(task: Task, targets: Targets, settings: LossSettings) -> Objective:
    """The objective of a task.

    Args:
        task: The task.
        targets: Of the training rows, as `graft.data.targets.unpack` gives them.
        settings: The user's choices.

    Raises:
        UnknownNameError: A choice has no such name.
    """
    return _BUILDERS[task.kind](task, targets, settings)


def output_units(tasks: Sequence[Task], targets: Targets) -> tuple[Tensor, Tensor]:
    """Offset and unit (C,) of every output of a head: mean and deviation of a quantity, else 0, 1.

    Args:
        tasks: The tasks.
        targets: Of the training rows.
    """
    offsets, units = [], []
    for task, column in zip(tasks, unpack(tasks, targets), strict=True):
        offset, unit = scale_of(column) if task.kind == "regression" else (0.0, 1.0)
        offsets += [offset] * task.outputs
        units += [unit] * task.outputs
    return torch.tensor(offsets), torch.tensor(units)


def _classification(task: Task, targets: Targets, settings: LossSettings) -> Objective:
    counts = support(task, targets)
    kind = Ordinal if task.kind == "ordinal" else Classification
    return kind(
        len(task.labels),
        weights=class_weights(settings.class_weights, counts),
        label_smoothing=settings.label_smoothing,
        gamma=settings.gamma,
        exact_weights=class_weights("balanced", counts) if settings.balanced else None,
    )


def _multi_label(task: Task, targets: Targets, settings: LossSettings) -> Objective:
    rows = int(is_labelled(task, targets).sum())
    weights = positive_weights(settings.class_weights, support(task, targets), rows)
    return MultiLabel(
        len(task.labels),
        weights=weights,
        label_smoothing=settings.label_smoothing,
        gamma=settings.gamma,
    )


def _regression(task: Task, targets: Targets, settings: LossSettings) -> Objective:
    return Regression(*scale_of(targets), settings.regression)


def _translation(task: Task, targets: Targets, settings: LossSettings) -> Objective:
    return Translation(label_smoothing=settings.label_smoothing)


_BUILDERS: Mapping[Kind, Callable[[Task, Targets, LossSettings], Objective]] = MappingProxyType(
    {
        "classification": _classification,
        "ordinal": _classification,
        "multi-label": _multi_label,
        "regression": _regression,
        "translation": _translation,
    }
)
