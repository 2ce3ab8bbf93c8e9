"""The strategy, where the user names none; and what views may be asked for."""

from __future__ import annotations

import numpy as np
import torch

from graft.backbones.load import RANDOM
from graft.data import Examples
from graft.data.augment import augmentation
from graft.data.examples import TEXT
from graft.errors import UserError
from graft.network import Network
from graft.recipe import Recipe
from graft.strategies import build_strategy
from graft.training.stage import phase_epochs
from graft.types import IntArray

# What fine-tuning may cost: about five minutes at what two CPU cores, or one GPU, reach.
CPU_FLOPS, GPU_FLOPS = 3e13, 1e16
# Forward, gradient of the inputs, gradient of the weights.
PASSES_PER_STEP = 3
OF_FEW_TEXTS = "contrastive"
FEW_A_CLASS = 16
"""Up to so many training texts a class pairs of them teach more than the texts do one by one.

MiniLM, points of accuracy of `contrastive` above `lp-ft` and above the probe, means of three draws:
six sections with 4 a class 9 and 6, with 16 a class 1 and 0; twelve sections 8 and 5, 2 and 2. With
64 a class of six sections (one draw) it is 2 points below `lp-ft`."""


def choose_strategy(
    network: Network, rows: int, batch_size: int, epochs: int | None, length: int | None = None
) -> str:
    """`lp-ft` where fine-tuning costs minutes, `linear-probe` where it costs more.

    The rule counts operations instead of measuring, so that the same data and machine type always
    get the same answer.
    """
    cost = fine_tuning_flops(network, rows, batch_size, epochs, length)
    on_cpu = next(network.parameters()).device.type == "cpu"
    return "lp-ft" if cost <= (CPU_FLOPS if on_cpu else GPU_FLOPS) else "linear-probe"


def few_texts(recipe: Recipe, examples: Examples, train: IntArray) -> bool:
    """Whether these are a handful of texts of each class for a pretrained encoder."""
    if examples.modality != TEXT or len(examples.tasks) > 1 or not examples.tasks[0].one_class:
        return False
    if recipe.weights == RANDOM or recipe.head != "linear":
        return False
    return len(train) <= FEW_A_CLASS * len(np.unique(examples.targets[train]))


def check_views(views: int, augment: str) -> None:
    """Whether the augmentation can draw the views asked for.

    Raises:
        UnknownNameError: There is no such augmentation.
        UserError: Several views are wanted, and the augmentation is `none`.
    """
    if augmentation(augment) is None and views > 1:
        raise UserError(
            f"{views} views are wanted, and the augmentation is 'none'",
            allowed="several views of an augmentation that changes pictures",
            next="choose --augment light or standard, or --views 1",
        )


def fine_tuning_flops(
    network: Network, rows: int, batch_size: int, epochs: int | None, length: int | None = None
) -> float:
    """Floating-point operations of fine-tuning every block on `rows` rows (of this length)."""
    last = build_strategy("lp-ft").phases([block.name for block in network.backbone.blocks])[-1]
    count = phase_epochs(last, epochs, -(-rows // batch_size))
    return forward_flops(network, length) * PASSES_PER_STEP * rows * count


def forward_flops(network: Network, length: int | None = None) -> float:
    """Floating-point operations of one input's forward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    network.eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(network.backbone.dry_inputs(1, length))
    return float(counter.get_total_flops())
