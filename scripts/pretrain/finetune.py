"""LP-FT: a network that starts from the exact probe and is then fine-tuned as a whole."""

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from scripts.pretrain.probes import Linear

BATCH = 32
STEPS_BY_SHOTS = {1: 30, 5: 60, 10: 80, 50: 160}
BACKBONE_RATE, HEAD_RATE, WEIGHT_DECAY = 3e-4, 1e-3, 0.01
LOGIT_SCALE = 4.0  # targets of the probe are +-1; as logits they would be too close
SHIFT, TURN, ZOOM = 0.08, 0.12, 0.08


def fine_tune(
    network: nn.Module,
    probe: Linear,
    pictures: Tensor,
    labels: NDArray[np.int64],
    shots: int,
    seed: int,
) -> nn.Sequential:
    """A fine-tuned copy of the network with a linear head.

    BatchNorm keeps its statistics; pictures are shifted, turned and scaled a little.

    Args:
        network: The pretrained network; it is not changed.
        probe: The classifier that the head starts from.
        pictures: N x 3 x side x side, normalised.
        labels: N class indices.
        shots: Examples a class; sets the number of steps.
        seed: Seed of batches and augmentation.
    """
    rng = torch.Generator().manual_seed(seed)
    head = nn.Linear(probe.weight.shape[1], probe.weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(LOGIT_SCALE * probe.weight))
        head.bias.copy_(torch.from_numpy(LOGIT_SCALE * probe.bias))
    body = copy.deepcopy(network).eval()
    groups = [
        {"params": list(body.parameters()), "base": BACKBONE_RATE},
        {"params": list(head.parameters()), "base": HEAD_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, lr=BACKBONE_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    targets = torch.from_numpy(labels)
    steps = STEPS_BY_SHOTS[shots]
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = torch.randperm(len(targets), generator=rng)[:BATCH]
        views = _augment(pictures[chosen], rng)
        loss = functional.cross_entropy(head(body(views)), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.Sequential(body, head).eval()


def _augment(pictures: Tensor, rng: torch.Generator) -> Tensor:
    count = len(pictures)
    turn = TURN * torch.randn(count, generator=rng)
    zoom = 1 + ZOOM * torch.randn(count, generator=rng)
    shift = SHIFT * torch.randn(count, 2, generator=rng)
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).reshape(-1, 2, 3)
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)
