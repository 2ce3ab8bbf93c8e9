"""Few labelled examples: graft's strategies beside raw pixels, over many seeds.

Shared by the digits and the pictograms benchmark. Every contender sees the same training rows and
the same test rows; figures are means over seeds with 95 % intervals (normal approximation over
seeds; paired where two contenders are compared).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from graft.backbones.load import load_backbone
from graft.bank.feed import Feed
from graft.bank.pixels import Pixels
from graft.bank.source import open_source
from graft.data import Examples
from graft.heads.build import build_head
from graft.network import Network
from graft.objectives import Classification
from graft.progress import Silent
from graft.runs.input_side import choose_size
from graft.runs.predictor import probabilities
from graft.strategies import build_strategy
from graft.training import History, StageRunner, TrainingOptions
from graft.training.stage import StageData
from graft.types import FloatArray, IntArray

Contender = Callable[[IntArray, IntArray, int], float]


@dataclass(frozen=True)
class Bench:
    """A data set with everything that needs computing once.

    Attributes:
        examples: All rows.
        root: The bank's folder.
    """

    examples: Examples
    root: Path

    def graft(self, weights: str, strategy: str, epochs: int | None, views: int = 1) -> Contender:
        """The accuracy of the bundled architecture under a strategy, without validation rows."""

        def accuracy(train: IntArray, test: IntArray, seed: int) -> float:
            size = choose_size("bundled", None, self.examples)
            backbone = load_backbone("bundled", weights=weights, size=size, seed=seed)
            classes = len(self.examples.labels)
            network = Network(backbone, build_head("linear", backbone.num_features, classes))
            runner = self._runner(network, seed, views)
            phases = build_strategy(strategy).phases([block.name for block in backbone.blocks])
            nothing = np.array([], dtype=np.int64)
            data = StageData(train, nothing, self.examples.targets)
            runner.run(phases, data, Classification(classes), epochs)
            depth = phases[-1].plan.frozen_depth
            source = open_source(network, depth, runner.feed, runner.warnings)
            return self._share(probabilities(network, source, test), test)

        return accuracy

    def sklearn(self, estimator: Callable[[], object], features: FloatArray) -> Contender:
        """The accuracy of a scikit-learn estimator on rows of features."""

        def accuracy(train: IntArray, test: IntArray, _seed: int) -> float:
            model = estimator()
            model.fit(features[train], self.examples.targets[train])  # type: ignore[attr-defined]
            return float(model.score(features[test], self.examples.targets[test]))  # type: ignore[attr-defined]

        return accuracy

    def features(self) -> FloatArray:
        """(N, D) frozen features of the bundled backbone."""
        size = choose_size("bundled", None, self.examples)
        backbone = load_backbone("bundled", size=size)
        network = Network(backbone, build_head("linear", backbone.num_features, 2))
        runner = self._runner(network, 0, 1)
        source = open_source(network, len(backbone.blocks), runner.feed, runner.warnings)
        return source.read(np.arange(len(self.examples))).numpy()

    def _runner(self, network: Network, seed: int, views: int) -> StageRunner:
        pixels = Pixels(self.examples, network.backbone.spec, self.root, Silent())
        digests = [digest for digest in pixels.digests if digest is not None]
        device = torch.device("cpu")
        feed = Feed(pixels, digests, network, device, self.root, Silent())
        options = TrainingOptions(seed=seed, views=views)
        return StageRunner(network, feed, device, options, History(), Silent())

    def _share(self, predicted: FloatArray, rows: IntArray) -> float:
        return float((predicted.argmax(axis=1) == self.examples.targets[rows]).mean())


def compare(
    contenders: Mapping[str, Contender],
    draw: Callable[[int], tuple[IntArray, IntArray]],
    seeds: int,
) -> dict[str, FloatArray]:
    """(seeds,) accuracies of every contender on the same draws."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for seed in range(seeds):
        train, test = draw(seed)
        for name, contender in contenders.items():
            found[name].append(contender(train, test, seed))
    return {name: np.array(values) for name, values in found.items()}


def shown(values: FloatArray) -> str:
    """Mean and 95 % interval over seeds, in percent."""
    mean, half = 100 * values.mean(), 196 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def scratch_folder() -> Path:
    """A new folder for the bank, so that no earlier run helps."""
    return Path(tempfile.mkdtemp(prefix="graft-bench-"))
