"""How deep to freeze: what each block's output is worth, by leave-one-out ridge regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graft.backbones.backbone import Backbone
from graft.backbones.text import TextBackbone
from graft.bank import bank_folder, open_shelf, prefix_key
from graft.bank.inputs import Opened
from graft.bank.pixels import Pixels
from graft.bank.tokens import Tokens, TokensAt
from graft.closedform.linear import Float64Array
from graft.data.targets import is_labelled, support, unpack
from graft.engines import identity
from graft.heads.build import build_head
from graft.network import Network
from graft.selection.boundaries import PooledBlocks
from graft.selection.scores import ridge_over_tasks, share
from graft.selection.text_boundaries import PooledLayers
from graft.tasks.several import chosen_by
from graft.types import FloatArray, Interval, Json, Targets, Task

BATCH = 32
RISE = 0.95
"""Share of the rise from chance to the best accuracy after which blocks are worth training."""


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """What the first `depth` blocks give.

    Attributes:
        depth: How many blocks.
        block: The last of them.
        score: Leave-one-out figure of ridge regression on their pooled output, with its interval.
    """

    depth: int
    block: str
    score: Interval


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """What features are worth by depth, and the frozen depth that it suggests.

    Attributes:
        points: One per block, depth 1 first.
        metric: The figure, as `graft.tasks.several.chosen_by` names it.
        chance: What it is without looking at the input.
        best: The depth with the highest figure.
        recommended: The first depth that reaches 95 % of the rise from chance to the best: blocks
            before it are general already, those after it are worth training.
        probe_is_enough: Whether the last depth is within its interval of the best: frozen
            features lose nothing on the way to the head.
    """

    points: tuple[DepthPoint, ...]
    metric: str
    chance: float
    best: int
    recommended: int
    probe_is_enough: bool

    def to_dict(self) -> Json:
        """What `result.json` holds under `depth_curve`."""
        return {
            "metric": self.metric,
            "chance": self.chance,
            "best": self.best,
            "recommended": self.recommended,
            "probe_is_enough": self.probe_is_enough,
            "points": [
                {"depth": p.depth, "block": p.block, "score": p.score.to_dict()}
                for p in self.points
            ],
        }


def depth_curve(
    backbone: Backbone,
    opened: Opened,
    digests: Sequence[bytes],
    tasks: Sequence[Task],
    targets: Targets,
) -> DepthCurve:
    """What ridge regression makes of every block's pooled output, each row judged without itself.

    One pass of the backbone gives all of it.

    Args:
        backbone: Pretrained, on the device on which it runs.
        opened: The decoded pictures, or the tokens of texts.
        digests: Digests of the N rows to judge on.
        tasks: What each label column asks for.
        targets: Of these rows.

    Raises:
        CallsVary: The backbone's forward pass depends on the batch size.
    """
    pooled = (
        PooledLayers(backbone) if isinstance(backbone, TextBackbone) else PooledBlocks(backbone)
    )
    values = np.empty((len(digests), sum(pooled.widths)), dtype=np.float32)
    for readable, rows in _batches_of_one_shape(opened, digests):
        values[rows] = _pooled_values(pooled, readable, [digests[row] for row in rows])
    edges = np.cumsum((0, *pooled.widths))
    columns = [values[:, low:high] for low, high in pairwise(edges)]
    gains = [ridge_over_tasks(features, tasks, targets) for features in columns]
    names = [block.name for block in backbone.blocks]
    return curve_of(names, gains, chance_of(tasks, targets), chosen_by(tasks))


def chance_of(tasks: Sequence[Task], targets: Targets) -> float:
    """The figure of always naming the commonest class, or the mean; the mean over tasks."""
    found = [
        support(task, column).max() / max(is_labelled(task, column).sum(), 1)
        if task.kind == "classification"
        else 0.0
        for task, column in zip(tasks, unpack(tasks, targets), strict=True)
    ]
    return float(np.mean(found))


def curve_of(
    names: Sequence[str], gains: Sequence[Float64Array], chance: float, metric: str = "accuracy"
) -> DepthCurve:
    """The curve from what each row gains at each depth.

    >>> gains = [(np.arange(10) < n) * 1.0 for n in (2, 8, 9)]
    >>> curve_of(["a", "b", "c"], gains, 0.2).recommended
    3
    """
    points = tuple(
        DepthPoint(depth, name, share(rows))
        for depth, (name, rows) in enumerate(zip(names, gains, strict=True), start=1)
    )
    values = [point.score.value for point in points]
    # Where no depth is better than chance, the best one is what is wanted.
    wanted = min(max(values), chance + RISE * (max(values) - chance))
    recommended = next(point.depth for point in points if point.score.value >= wanted)
    enough = points[-1].score.high >= max(values)
    return DepthCurve(points, metric, chance, int(np.argmax(values)) + 1, recommended, enough)


def _batches_of_one_shape(
    opened: Opened, digests: Sequence[bytes]
) -> Iterator[tuple[Pixels | TokensAt, list[int]]]:
    """Pictures are of one shape; texts have a bucket for each length."""
    if isinstance(opened, Pixels):
        yield opened, list(range(len(digests)))
        return
    assert isinstance(opened, Tokens)
    lengths = [opened.length(digest) for digest in digests]
    for length in sorted({*lengths}):
        yield opened.at(length), [row for row, own in enumerate(lengths) if own == length]


def _pooled_values(
    pooled: PooledBlocks | PooledLayers, readable: Pixels | TokensAt, digests: Sequence[bytes]
) -> FloatArray:
    """(N, sum of widths) from the bank, computing what is missing."""
    backbone = pooled.backbone
    device = next(backbone.parameters()).device
    network = Network(backbone, build_head("linear", backbone.num_features, 2))
    engine = f"{identity('eager', device)}-pooled-blocks"
    key = prefix_key(
        network, len(backbone.blocks), inputs=readable.key, engine=engine, batch_size=BATCH
    )
    shelf = open_shelf(bank_folder(), key)
    missing = [digest for digest in dict.fromkeys(digests) if digest not in shelf]
    for at in range(0, len(missing), BATCH):
        batch = missing[at : at + BATCH]
        padded = [*batch, *([batch[-1]] * (BATCH - len(batch)))]
        inputs = readable.prepare(readable.read(padded).to(device))
        values = pooled(inputs)[: len(batch)].cpu().numpy()
        shelf.append(batch, values, [""] * len(batch))
    return np.asarray(shelf.read(digests).numpy())
