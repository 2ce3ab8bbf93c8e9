"""Kinds of task. Adding one: one file, one line in `TASK_KINDS`, and its name in `graft.types`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from graft.tasks.base import Answered, TaskKind
from graft.tasks.classification import Classification
from graft.tasks.multi_label import MultiLabel
from graft.tasks.ordinal import Ordinal
from graft.tasks.regression import Regression
from graft.types import Kind

__all__ = ["TASK_KINDS", "Answered", "TaskKind"]

TASK_KINDS: Mapping[Kind, TaskKind] = MappingProxyType(
    {
        "classification": Classification(),
        "ordinal": Ordinal(),
        "multi-label": MultiLabel(),
        "regression": Regression(),
    }
)
