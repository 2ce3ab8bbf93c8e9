"""The strategy, where the user names none; and what views may be asked for."""

from __future__ import annotations

import torch

from graft.data.augment import augmentation
from graft.errors import UserError
from graft.network import Network
from graft.strategies import build_strategy
from graft.training.stage import phase_epochs

# What fine-tuning may cost: about five minutes at what two CPU cores, or one GPU, reach.
CPU_FLOPS, GPU_FLOPS = 3e13, 1e16
# Forward, gradient of the inputs, gradient of the weights.
PASSES_PER_STEP = 3


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
