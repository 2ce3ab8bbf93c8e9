"""Backbones in order of what their frozen features are worth for a data set, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone, modality_of
from graft.bank import bank_folder
from graft.data import Examples, read, split
from graft.device import pick_device
from graft.errors import DataError, UnknownNameError, UserError
from graft.heads.build import build_head
from graft.network import Network
from graft.progress import Progress, Silent
from graft.runs.modality import parts_of
from graft.selection.sample import MOST_ROWS, require_single_label, sample_rows
from graft.selection.scores import FeatureScores, mean_ranks, score_features
from graft.selection.speed import Cost, measure_cost
from graft.types import FloatArray, Json

LARGEST = "always the largest"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backbone that could be scored.

    Attributes:
        backbone: Its name.
        scores: What its features are worth.
        cost: What it takes.
        training_rows: Rows that training would see.
        seconds: What scoring it took.
        mean_rank: Mean place over the four scores, 1 is best; 0 until all are scored.
    """

    backbone: str
    scores: FeatureScores
    cost: Cost
    training_rows: int
    seconds: float
    mean_rank: float = 0.0

    def to_dict(self) -> Json:
        """The figures as JSON values."""
        return {
            "backbone": self.backbone,
            "mean_rank": self.mean_rank,
            **self.scores.to_dict(),
            "images_per_second": round(self.cost.images_per_second, 1),
            "parameters": self.cost.parameters,
            "megabytes": round(self.cost.megabytes, 2),
            "probe_seconds": round(self.cost.probe_seconds(self.training_rows), 2),
            "fine_tuning_seconds": round(self.cost.fine_tuning_seconds(self.training_rows), 2),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, the best mean rank first.

    Attributes:
        source: The data set, as it was named.
        rows: How many rows the scores rest on.
        classes: C.
        candidates: What could be scored.
        failed: Name and reason of what could not be loaded.
    """

    source: str
    rows: int
    classes: int
    candidates: tuple[Candidate, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def best(self) -> Candidate:
        """The first: the best mean rank."""
        return self.candidates[0]

    @property
    def largest(self) -> Candidate:
        """The constant pick that needs no data: the one with the most parameters."""
        return max(self.candidates, key=lambda candidate: candidate.cost.parameters)

    def to_dict(self) -> Json:
        """Everything as JSON values."""
        constant: Json = {"rule": LARGEST, "backbone": self.largest.backbone}
        constant["points_lost"] = self.points_lost(self.largest)
        return {
            "data": self.source,
            "rows": self.rows,
            "classes": self.classes,
            "best": self.best.backbone,
            "constant": constant,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "failed": [{"backbone": name, "reason": reason} for name, reason in self.failed],
        }

    def points_lost(self, other: Candidate) -> Json:
        """How much ridge accuracy another candidate loses against the best, on the same rows.

        The interval is the normal one of the mean paired difference.
        """
        apart = self.best.scores.right.astype(float) - other.scores.right
        value = float(apart.mean())
        half = 1.96 * float(apart.std()) / max(len(apart), 1) ** 0.5
        return {"value": value, "low": value - half, "high": value + half}


def rank_backbones(
    data: object,
    names: Sequence[str],
    *,
    columns: dict[str, str | None],
    weights: str = "pretrained",
    size: int | None = None,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> Ranking:
    """Score every candidate on the same rows, from the bank where they are known.

    The rows are those that `fit` with the same seed would train and validate on, so choosing by
    this ranking never looks at the test part.

    Args:
        data: Any labelled source that `fit` takes.
        names: `bundled`, timm names, folders; at least one.
        columns: `input`, `label`, `group` and `test`, None where they are to be found.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels instead of each checkpoint's own.
        most_rows: The largest number of rows to look at.
        seed: Of the split and of random weights.
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: Told how far the work is.

    Raises:
        UserError: The data or the machine is at fault, or no candidate can be loaded.
    """
    listener = progress or Silent()
    target = pick_device(device)
    if not names:
        raise UnknownNameError("No backbone was named", next="name some with --backbones A B C")
    examples = read(
        data,
        input=columns["input"],
        label=columns["label"],
        group=columns["group"],
        test=columns["test"],
        modality=modality_of(names[0]),
    )
    require_single_label(examples)
    parts = split(examples, seed=seed)
    outside = np.sort(np.concatenate([parts.train, parts.validation]))
    sample = examples.take(sample_rows(examples, outside, most_rows))
    bench = Bench(sample, target, len(parts.train), listener)
    scored: list[Candidate] = []
    failed: list[tuple[str, UserError]] = []
    for name in dict.fromkeys(names):
        try:
            scored.append(bench.score(name, weights=weights, size=size, seed=seed))
        except UserError as problem:
            failed.append((name, problem))
    if not scored:
        raise failed[0][1]
    reasons = tuple((name, problem.found) for name, problem in failed)
    return Ranking(examples.source, len(sample), len(sample.labels), in_order(scored), reasons)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where candidates are compared.

    Attributes:
        sample: The rows.
        device: Where the backbones run.
        training_rows: Rows that training would see.
        progress: Told how far the work is.
    """

    sample: Examples
    device: torch.device
    training_rows: int
    progress: Progress

    def score(self, name: str, *, weights: str, size: int | None, seed: int) -> Candidate:
        """Load one backbone, score its features and measure its cost.

        Raises:
            UserError: It cannot be loaded, or its features are not finite.
        """
        begun = perf_counter()
        self.progress.say(f"{name} ...")
        backbone = load_backbone(name, weights=weights, size=size, seed=seed).to(self.device)
        features, rows = sample_features(self.sample, backbone, self.device, self.progress)
        scores = score_features(features, rows.targets, len(rows.labels))
        cost = measure_cost(backbone, self.device)
        return Candidate(name, scores, cost, self.training_rows, perf_counter() - begun)


def in_order(scored: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates with their mean rank, the best first; the smaller of equals."""
    ranks = mean_ranks([candidate.scores.values() for candidate in scored])
    ranked = [replace(c, mean_rank=rank) for c, rank in zip(scored, ranks, strict=True)]
    return tuple(sorted(ranked, key=lambda c: (c.mean_rank, c.cost.parameters)))


def sample_features(
    sample: Examples, backbone: Backbone, device: torch.device, progress: Progress
) -> tuple[FloatArray, Examples]:
    """Pooled features (N, D) of the readable rows, and these rows.

    Raises:
        DataError: None of the pictures can be read.
    """
    root: Path = bank_folder()
    parts = parts_of(backbone.modality)
    opened = parts.open_inputs(sample, backbone, root, progress)
    digests = [d for row, d in enumerate(opened.digests) if d and row not in opened.faults]
    if not digests:
        raise DataError(
            f"None of the {len(sample)} {parts.plural} of {sample.source} can be read",
            allowed="at least one that can",
            next="look at the files",
        )
    network = Network(backbone, build_head("linear", backbone.num_features, 2)).to(device)
    feed = parts.open_feed(opened, digests, network, device, root, progress)
    values = feed.activations(len(backbone.blocks), backbone)(np.arange(len(digests)))
    return values.numpy(), sample.without(opened.faults)
