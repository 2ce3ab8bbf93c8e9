"""BatchNorm's running statistics, taken anew for weights that they do not belong to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

# After this many batches an average has settled (the schedule-free authors' advice for their
# optimizer).
STATISTICS_BATCHES = 50


@torch.no_grad()
def retake_statistics(network: nn.Module, suffix: nn.Module, inputs: Iterable[Tensor]) -> int:
    """Replace the statistics of BatchNorm layers in training mode by means over some batches.

    Everything else computes in evaluation mode, and the network is left in it.

    Args:
        network: Its BatchNorm layers in training mode are changed, the others left alone.
        suffix: What eats the inputs.
        inputs: Batches of them, of which the first 50 are used.

    Returns:
        How many layers were changed.
    """
    live = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    live = [module for module in live if module.track_running_stats]
    network.eval()
    if not live:
        return 0
    momenta = [module.momentum for module in live]
    for module in live:
        module.train()
        module.reset_running_stats()
        module.momentum = None  # a cumulative mean
    for batch in islice(inputs, STATISTICS_BATCHES):
        suffix(batch)
    for module, momentum in zip(live, momenta, strict=True):
        module.momentum = momentum
        module.eval()
    return len(live)
