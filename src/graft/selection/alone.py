"""Tasks learnt one at a time: what a multi-task model is set beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graft.data import Split
from graft.data.targets import is_labelled, unpack
from graft.progress import Progress
from graft.run import Attempt, begin, train
from graft.runs.preparation import Prepared
from graft.training import History
from graft.training.stage import phase_epochs
from graft.types import FloatArray, IntArray

FROZEN = (
    "The backbone was frozen, so the tasks share nothing that trains: single-task runs would "
    "learn the same."
)


def learns_together(attempt: Attempt) -> bool:
    """Whether tasks could interact: several of them, on blocks that trained."""
    several = len(attempt.prepared.examples.tasks) > 1
    return several and attempt.phases[-1].plan.frozen_depth < len(attempt.network.backbone.blocks)


def answers_alone(attempt: Attempt, data: object, rows: IntArray, progress: Progress) -> FloatArray:
    """Answers (N, C) for these rows of one model per task, which together cost as much.

    Each is trained by the same strategy on the rows that are labelled for its task, with an equal
    share of the epochs.

    Args:
        attempt: The multi-task attempt.
        data: The data set.
        rows: Row numbers.
        progress: Told how far the work is.
    """
    tasks = attempt.prepared.examples.tasks
    epochs = max(1, round(whole_epochs(attempt) / len(tasks)))
    changes = {"scenario": "standard", "balance": "start", "task": None, "epochs": epochs}
    found = []
    for number, task in enumerate(tasks):
        progress.say(f"compare: '{task.name}' alone, {epochs} epochs")
        own = only(attempt.prepared, number)
        recipe = attempt.recipe.model_copy(update={**changes, "labels": None, "label": task.column})
        alone = begin(recipe, data, progress, prepared=own)
        train(alone, History())
        found.append(alone.predictor()(rows))
    return np.concatenate(found, axis=1)


def whole_epochs(attempt: Attempt) -> int:
    """Epochs that the last phase may run."""
    recipe, rows = attempt.recipe, len(attempt.prepared.split.train)
    steps = -(-rows // (recipe.batch_size * recipe.accumulate))
    return phase_epochs(attempt.phases[-1], recipe.epochs, steps)


def only(prepared: Prepared, number: int) -> Prepared:
    """The same data with one task; rows without its label are in no part but the test part."""
    examples, split = prepared.examples, prepared.split
    task, column = examples.tasks[number], unpack(examples.tasks, examples.targets)[number]
    labelled = is_labelled(task, column)
    targets = column[:, None] if task.kind == "regression" else column
    parts = Split(
        split.train[labelled[split.train]], split.validation[labelled[split.validation]], split.test
    )
    own = replace(examples, tasks=(task,), targets=targets)
    return replace(prepared, examples=own, split=parts)
