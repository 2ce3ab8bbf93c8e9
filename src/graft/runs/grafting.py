"""The network of a run: a pretrained backbone with a new head, or with the output layer it had."""

from __future__ import annotations

from graft.backbones.backbone import Backbone
from graft.device import pick_device
from graft.heads.build import build_head
from graft.network import Network, kept_head
from graft.objectives import output_units
from graft.recipe import Recipe
from graft.types import Targets, Task


def graft_head(
    recipe: Recipe, backbone: Backbone, tasks: tuple[Task, ...], known: Targets
) -> Network:
    """The backbone with its head on the recipe's device.

    `known` are the training targets, whose units a new head takes.
    """
    head = kept_head(backbone)
    if head is None:
        outputs = sum(task.outputs for task in tasks)
        head = build_head(
            recipe.head, backbone.num_features, outputs, dropout=recipe.dropout, seed=recipe.seed
        )
        head.set_units(*output_units(tasks, known))
    return Network(backbone, head).to(pick_device(recipe.device))
