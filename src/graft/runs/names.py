"""Every name that a recipe holds, looked up before anything costs."""

from __future__ import annotations

from graft.bank.store import STORAGE
from graft.data.kinds import kinds_named
from graft.device import check_precision, pick_device
from graft.engines import check_engine
from graft.errors import unknown_name
from graft.heads.build import build_head
from graft.objectives import BALANCES, CLASS_WEIGHTS, REGRESSION_LOSSES
from graft.recipe import Recipe
from graft.runs.choice import check_views
from graft.runs.preparation import label_columns
from graft.scenarios import build_scenario
from graft.strategies import build_strategy
from graft.training import choose_schedule
from graft.training.mixing import parse_mix
from graft.training.options import SAMPLINGS, loss_settings


def check_names(recipe: Recipe) -> None:
    """Look every name up before anything costs.

    Raises:
        UnknownNameError: One of them is in no table.
    """
    tables = {
        "class weighting": (recipe.class_weights, CLASS_WEIGHTS),
        "sampling": (recipe.sampling, SAMPLINGS),
        "storage type": (recipe.storage, STORAGE),
        "balance of losses": (recipe.balance, BALANCES),
        "loss of a quantity": (recipe.regression_loss, REGRESSION_LOSSES),
    }
    for what, (name, known) in tables.items():
        if name not in known:
            raise unknown_name(what, name, known)
    choose_schedule(recipe.optimizer, recipe.schedule)
    check_views(recipe.views or 1, recipe.augment)
    kinds_named(recipe.task, len(label_columns(recipe)) or 1)
    if recipe.scenario is not None:
        build_scenario(recipe.scenario)
    parse_mix(recipe.mix)
    loss_settings(recipe)
    build_head(recipe.head, 1, 2)
    device = pick_device(recipe.device)
    check_engine(recipe.engine, device)
    check_precision(recipe.precision, device)
    if recipe.strategy is not None:
        build_strategy(recipe.strategy)
