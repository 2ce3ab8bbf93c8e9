"""A recipe with every choice made that its user left open."""

from __future__ import annotations

import torch

from graft.network import Network
from graft.recipe import Recipe
from graft.runs.choice import OF_FEW_TEXTS
from graft.runs.modality import parts_of
from graft.runs.preparation import Prepared
from graft.training import choose_schedule
from graft.training.options import class_weighting, smoothing


def resolve(recipe: Recipe, network: Network, prepared: Prepared) -> Recipe:
    """The recipe with every choice made that was left open."""
    examples, train = prepared.examples, prepared.split.train
    length = prepared.facts.get("mean_length")
    parts = parts_of(prepared.examples.modality)
    strategy = recipe.strategy or parts.strategy(network, recipe, examples, train, length)
    device = next(network.parameters()).device.type
    threads = recipe.threads or torch.get_num_threads()
    tasks = prepared.examples.tasks
    chosen = {
        "task": ",".join(task.kind for task in tasks),
        "scenario": recipe.scenario or ("standard" if len(tasks) == 1 else "multi-task"),
        "strategy": strategy,
        "views": recipe.views or 1,
        "schedule": choose_schedule(recipe.optimizer, recipe.schedule),
        "class_weights": class_weighting(recipe),
        "label_smoothing": smoothing(recipe, tasks),
        "device": device,
        "threads": threads,
    }
    return recipe.model_copy(update=chosen)


def notes_on_choices(asked: Recipe, resolved: Recipe, prepared: Prepared) -> list[str]:
    """What the user could do with a choice that was made."""
    unseen = len(prepared.split.validation)
    if asked.strategy is not None or resolved.strategy != OF_FEW_TEXTS or not unseen:
        return []
    return [
        f"The strategy chosen for so few texts, {OF_FEW_TEXTS}, does not look at the {unseen} "
        "validation rows: with --validation 0 it learns from them too."
    ]
