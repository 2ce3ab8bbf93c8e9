"""Ten steps on stored activations beside ten plain steps from pixels: the losses must agree.

The same weights, the same batches, the same optimizer; stages 1-3 of ResNet50 frozen.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.peers.common import parser, tell
from graft.bank.source import open_source
from graft.plan import apply, set_training_mode
from graft.progress import Silent
from graft.recipe import Recipe
from graft.run import begin

BATCH, STEPS = 32, 10


def losses(model: nn.Module, inputs: list[Tensor], targets: list[Tensor]) -> list[float]:
    """The loss of each step of AdamW on what still needs gradients."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    found = []
    for x, y in zip(inputs, targets, strict=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def main() -> None:
    """Compare, print."""
    options = parser(__doc__)
    options.add_argument("--bank", type=Path, required=True)
    given = options.parse_args()
    os.environ["GRAFT_CACHE"] = str(given.bank)
    recipe = Recipe(
        data=str(given.data),
        backbone="resnet50",
        weights=str(given.weights),
        size=224,
        strategy="top-k:3",
        augment="none",
        threads=given.threads,
    )
    attempt = begin(recipe, recipe.data, Silent())
    cached, plan = attempt.network, attempt.phases[-1].plan
    plain = copy.deepcopy(cached)
    warnings: list[str] = []
    for network in (cached, plain):
        apply(plan, network)
        set_training_mode(plan, network)
    source = open_source(cached, plan.frozen_depth, attempt.feed, warnings)
    set_training_mode(plan, cached)
    order = np.random.default_rng(0).permutation(attempt.prepared.split.train)
    batches = [np.sort(np.resize(order, STEPS * BATCH)[n::STEPS]) for n in range(STEPS)]
    targets = [torch.from_numpy(attempt.prepared.examples.targets[rows]) for rows in batches]
    pixels = [attempt.feed.inputs.prepare(attempt.feed.raw(rows)) for rows in batches]
    stored = [source.read(rows) for rows in batches]
    expected = losses(plain, pixels, targets)
    found = losses(source.suffix, stored, targets)
    tell(
        loss_difference=max(abs(a - b) for a, b in zip(expected, found, strict=True)),
        first_loss=expected[0],
        last_loss=expected[-1],
        depth=source.depth,
        did="; ".join(warnings) or f"cached after block {source.depth}",
    )


if __name__ == "__main__":
    main()
