"""What pretraining and fine-tuning are each worth: the same run without them, on the same rows."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from graft.evaluation import bootstrap, transfer_verdict
from graft.progress import Progress, Silent
from graft.recipe import Recipe
from graft.run import Attempt, Finished, begin, check_names, conclude, train
from graft.runs.folder import default_folder, open_run_folder
from graft.selection.sample import require_single_label
from graft.training import History
from graft.types import FloatArray, Json

RANDOM, FEATURES = "random_initialisation", "feature_extraction"


def run_compared(
    recipe: Recipe,
    *,
    data: object = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Finished:
    """Carry out a recipe, and set it beside random weights and frozen features.

    Args:
        recipe: Every choice.
        data: The data set, where it is an object rather than `recipe.data`.
        out: The run folder; None takes `runs/<time>-<data>`.
        progress: Told how far the work is.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
    """
    check_names(recipe)
    listener, source = progress or Silent(), recipe.data if data is None else data
    with open_run_folder(out or default_folder(recipe.data)) as folder:
        attempt = begin(recipe, source, listener)
        require_single_label(attempt.prepared.examples)
        folder.write_recipe(attempt.recipe)
        train(attempt, History(folder.history))
        return conclude(attempt, folder, extra=comparison(attempt, source, listener))


def comparison(attempt: Attempt, data: object, progress: Progress) -> Json:
    """The part `compare` of the result.

    The same architecture with random weights is trained throughout (`full`) with the same settings
    and epochs; feature extraction is a linear probe (with another head than a linear one, `head`).
    Each is compared on the same test rows by `graft.evaluation.transfer_verdict`: a paired
    bootstrap interval and an exact sign test.

    Args:
        attempt: The trained winner.
        data: The data set.
        progress: Told how far the work is.
    """
    recipe, prepared = attempt.recipe, attempt.prepared
    probe = "linear-probe" if recipe.head == "linear" else "head"
    others = {
        RANDOM: {"weights": "random", "strategy": "full", "lr": None},
        FEATURES: {"strategy": probe, "lr": None},
    }
    rows = prepared.split.test
    winner = attempt.predictor()(rows)
    found = []
    for name, changes in others.items():
        if all(getattr(recipe, key) == value for key, value in changes.items()):
            found.append({"name": name, "same": True, "message": _same(name)})
            continue
        begun = perf_counter()
        progress.say(f"compare: {name.replace('_', ' ')}")
        other = begin(recipe.model_copy(update=changes), data, progress, prepared=prepared)
        train(other, History())
        predicted = other.predictor()(rows)
        compared = _compared(attempt, winner, predicted, name)
        found.append({**compared, "seconds": round(perf_counter() - begun, 3)})
    return {"compare": found}


def _same(name: str) -> str:
    return f"The run is itself {name.replace('_', ' ')}."


def _compared(attempt: Attempt, winner: FloatArray, other: FloatArray, name: str) -> Json:
    prepared, seed = attempt.prepared, attempt.recipe.seed
    rows = prepared.split.test
    targets = np.asarray(prepared.examples.targets)[rows].astype(np.int64)
    groups = prepared.examples.groups
    units = None if groups is None else groups[rows]
    verdict = transfer_verdict(winner, other, targets, groups=units, against=name)
    figures = bootstrap(other, targets, groups=units, seed=seed)
    metrics = {metric: figure.to_dict() for metric, figure in figures.items()}
    return {"name": name, "same": False, "metrics": metrics, **verdict.to_dict()}
