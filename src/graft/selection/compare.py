"""What pretraining and fine-tuning are each worth: the same run without them, on the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter

from graft.progress import Progress, Silent
from graft.recipe import Recipe
from graft.run import Attempt, Finished, begin, conclude, train, train_in
from graft.runs.asked import Asked
from graft.runs.names import check_names
from graft.runs.resume import begun
from graft.selection.alone import FROZEN, answers_alone, learns_together
from graft.selection.scores import require_scores
from graft.tasks.several import Held
from graft.training import History
from graft.types import FloatArray, Json

RANDOM, FEATURES = "random_initialisation", "feature_extraction"
ALONE = "single_tasks"


def run_compared(
    recipe: Recipe,
    *,
    data: object = None,
    out: Path | None = None,
    progress: Progress | None = None,
    again: bool = False,
    every: float | None = None,
) -> Finished:
    """Carry out a recipe, and set it beside random weights and frozen features.

    Args:
        recipe: Every choice.
        data: The data set, where it is an object rather than `recipe.data`.
        out: The run folder; None takes `runs/<time>-<data>`.
        progress: Told how far the work is.
        again: Whether to take up the run that did not finish in `out`; what it is compared with is
            trained again.
        every: Seconds between two checkpoints; see `graft.training.keeper.Keeper`.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
    """
    check_names(recipe)
    listener, source = progress or Silent(), recipe.data if data is None else data
    with begun(Asked(recipe, compare=True), out, listener, again=again) as folder:
        attempt = begin(recipe, source, listener, note=folder.note_recipe)
        require_scores(attempt.prepared.examples.tasks)
        keeper = train_in(folder, attempt, every)
        compared = comparison(attempt, source, listener)
        return conclude(attempt, folder, extra={"checkpoints": keeper.to_dict(), **compared})


def comparison(attempt: Attempt, data: object, progress: Progress) -> Json:
    """The part `compare` of the result.

    The same architecture with random weights is trained throughout (`full`) with the same settings
    and epochs; feature extraction is a linear probe (with another head than a linear one, `head`).
    Where several tasks trained blocks together, single-task runs of the same cost stand beside.
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
        since = perf_counter()
        progress.say(f"compare: {name.replace('_', ' ')}")
        other = begin(recipe.model_copy(update=changes), data, progress, prepared=prepared)
        train(other, History())
        predicted = other.predictor()(rows)
        compared = _compared(attempt, winner, predicted, name)
        found.append({**compared, "seconds": round(perf_counter() - since, 3)})
    if len(prepared.examples.tasks) > 1:
        found.append(_beside_single_tasks(attempt, winner, data, progress))
    return {"compare": found}


def _beside_single_tasks(
    attempt: Attempt, winner: FloatArray, data: object, progress: Progress
) -> Json:
    """Single-task runs of the same strategy that together cost what the run did."""
    if not learns_together(attempt):
        return {"name": ALONE, "same": True, "message": FROZEN}
    since = perf_counter()
    other = answers_alone(attempt, data, attempt.prepared.split.test, progress)
    seconds = round(perf_counter() - since, 3)
    return {**_compared(attempt, winner, other, ALONE), "seconds": seconds}


def _same(name: str) -> str:
    return f"The run is itself {name.replace('_', ' ')}."


def _compared(attempt: Attempt, winner: FloatArray, other: FloatArray, name: str) -> Json:
    """Figures of the other model, and the verdict: of several tasks one each, under `tasks`."""
    prepared, seed = attempt.prepared, attempt.recipe.seed
    rows, examples = prepared.split.test, prepared.examples
    groups = None if examples.groups is None else examples.groups[rows]
    held = Held(examples.tasks, winner, examples.targets[rows], groups, seed)
    verdicts = held.verdicts(other, name)
    figures = replace(held, answers=other).figures()
    found: Json = {"name": name, "same": False, "metrics": figures}
    if len(examples.tasks) == 1:
        return found | next(iter(verdicts.values()))
    said = [f"{task}: {verdict['message']}" for task, verdict in verdicts.items()]
    return found | {"tasks": verdicts, "message": " ".join(said)}
