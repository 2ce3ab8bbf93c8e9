"""What pictures and texts with labels have in common; see `graft.runs.modality.Parts`."""

from __future__ import annotations

import numpy as np

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone
from graft.bank.inputs import Opened
from graft.data import Examples
from graft.data.targets import is_plain
from graft.network import Network
from graft.recipe import Recipe
from graft.runs.choice import OF_FEW_TEXTS, choose_strategy, few_texts
from graft.types import IntArray, Targets


def load(recipe: Recipe) -> Backbone:
    """The backbone that the recipe names."""
    return load_backbone(
        str(recipe.backbone),
        weights=recipe.weights,
        size=recipe.size,
        long=recipe.long,
        pooling=recipe.pooling,
        seed=recipe.seed,
    )


def targets(
    examples: Examples,
    opened: Opened,  # noqa: ARG001 - translations need it
    digests: tuple[bytes, ...],  # noqa: ARG001 - translations need it
) -> Targets:
    """Class indices, else float32."""
    return examples.targets if is_plain(examples.tasks) else examples.targets.astype(np.float32)


def strategy(
    network: Network, recipe: Recipe, examples: Examples, train: IntArray, length: int | None
) -> str:
    """`contrastive` for a handful of texts a class, else by the cost of fine-tuning."""
    if few_texts(recipe, examples, train):
        return OF_FEW_TEXTS
    return choose_strategy(network, len(train), recipe.batch_size, recipe.epochs, length)
