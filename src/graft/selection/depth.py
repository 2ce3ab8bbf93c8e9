"""How deep to freeze: what each block's output is worth, by leave-one-out ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graft.backbones.backbone import Backbone
from graft.bank import bank_folder, open_shelf, prefix_key
from graft.bank.pixels import Pixels
from graft.engines import identity
from graft.heads.build import build_head
from graft.network import Network
from graft.selection.boundaries import PooledBlocks
from graft.selection.scores import BoolArray, ridge_right, share
from graft.types import FloatArray, IntArray, Interval, Json

BATCH = 32
RISE = 0.95
"""Share of the rise from chance to the best accuracy after which blocks are worth training."""


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """What the first `depth` blocks give.

    Attributes:
        depth: How many blocks.
        block: The last of them.
        accuracy: Leave-one-out ridge accuracy of their pooled output, with Wilson's interval.
    """

    depth: int
    block: str
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """Accuracy by depth, and the frozen depth that it suggests.

    Attributes:
        points: One per block, depth 1 first.
        chance: Accuracy of always naming the commonest class.
        best: The depth with the highest accuracy.
        recommended: The first depth that reaches 95 % of the rise from chance to the best: blocks
            before it are general already, those after it are worth training.
        probe_is_enough: Whether the last depth is within its interval of the best: frozen
            features lose nothing on the way to the head.
    """

    points: tuple[DepthPoint, ...]
    chance: float
    best: int
    recommended: int
    probe_is_enough: bool

    def to_dict(self) -> Json:
        """What `result.json` holds under `depth_curve`."""
        return {
            "chance": self.chance,
            "best": self.best,
            "recommended": self.recommended,
            "probe_is_enough": self.probe_is_enough,
            "points": [
                {"depth": p.depth, "block": p.block, "accuracy": p.accuracy.to_dict()}
                for p in self.points
            ],
        }


def depth_curve(
    backbone: Backbone,
    pixels: Pixels,
    digests: Sequence[bytes],
    targets: IntArray,
    classes: int,
) -> DepthCurve:
    """Ridge leave-one-out accuracy of every block's pooled output, from one pass of the backbone.

    Args:
        backbone: Pretrained, on the device on which it runs.
        pixels: The decoded pictures.
        digests: Digests of the N rows to judge on.
        targets: (N,) class indices.
        classes: C.

    Raises:
        CallsVary: The backbone's forward pass depends on the batch size.
    """
    pooled = PooledBlocks(backbone)
    values = _pooled_values(pooled, pixels, digests)
    edges = np.cumsum((0, *pooled.widths))
    columns = [values[:, low:high] for low, high in pairwise(edges)]
    right = [ridge_right(features, targets, classes) for features in columns]
    names = [block.name for block in backbone.blocks]
    return curve_of(names, right, float(np.bincount(targets).max() / len(targets)))


def curve_of(names: Sequence[str], right: Sequence[BoolArray], chance: float) -> DepthCurve:
    """The curve from the rows that each depth gets right.

    >>> right = [np.arange(10) < n for n in (2, 8, 9)]
    >>> curve_of(["a", "b", "c"], right, 0.2).recommended
    3
    """
    points = tuple(
        DepthPoint(depth, name, share(rows))
        for depth, (name, rows) in enumerate(zip(names, right, strict=True), start=1)
    )
    values = [point.accuracy.value for point in points]
    wanted = chance + RISE * (max(values) - chance)
    recommended = next(point.depth for point in points if point.accuracy.value >= wanted)
    enough = points[-1].accuracy.high >= max(values)
    return DepthCurve(points, chance, int(np.argmax(values)) + 1, recommended, enough)


def _pooled_values(pooled: PooledBlocks, pixels: Pixels, digests: Sequence[bytes]) -> FloatArray:
    """(N, sum of widths) from the bank, computing what is missing."""
    backbone = pooled.backbone
    device = next(backbone.parameters()).device
    network = Network(backbone, build_head("linear", backbone.num_features, 2))
    engine = f"{identity('eager', device)}-pooled-blocks"
    key = prefix_key(
        network, len(backbone.blocks), inputs=pixels.key, engine=engine, batch_size=BATCH
    )
    shelf = open_shelf(bank_folder(), key)
    missing = [digest for digest in dict.fromkeys(digests) if digest not in shelf]
    for at in range(0, len(missing), BATCH):
        batch = missing[at : at + BATCH]
        padded = [*batch, *([batch[-1]] * (BATCH - len(batch)))]
        inputs = pixels.prepare(pixels.read(padded).to(device))
        values = pooled(inputs)[: len(batch)].cpu().numpy()
        shelf.append(batch, values, [""] * len(batch))
    return np.asarray(shelf.read(digests).numpy())
