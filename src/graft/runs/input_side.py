"""The side of the input, for the backbone that lets the data choose it."""

from __future__ import annotations

from graft.backbones import bundled
from graft.data import Examples
from graft.data.examples import IMAGE
from graft.data.native import native_look
from graft.recipe import Recipe
from graft.runs.modality import parts_of
from graft.runs.preparation import Prepared


def choose_size(name: str, size: int | None, examples: Examples) -> int | None:
    """The size that a backbone is loaded with: the user's, else the data's choice, else its own.

    Only the bundled backbone takes its side from the data (`graft.backbones.bundled.input_side`).
    """
    if size is not None or name != bundled.NAME or examples.modality != IMAGE:
        return size
    native = native_look(examples.pictures)
    return None if native is None else bundled.input_side(native.side, coloured=native.coloured)


def settle(recipe: Recipe, examples: Examples, prepared: Prepared | None) -> Recipe:
    """The recipe with its backbone, and with the size that the data choose for it.

    Args:
        recipe: Every choice so far.
        examples: The rows.
        prepared: The rows as they were opened before; then their size stays.
    """
    name = recipe.backbone or parts_of(examples.modality).backbone
    size = prepared.size if prepared else choose_size(name, recipe.size, examples)
    return recipe.model_copy(update={"backbone": name, "size": size})
