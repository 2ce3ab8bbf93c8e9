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
from graft.backbones.offline import offline_backbones
from graft.bank import bank_folder
from graft.data import Examples, read, split
from graft.data.columns import Wanted
from graft.device import pick_device
from graft.errors import DataError, UnknownNameError, UserError
from graft.heads.build import build_head
from graft.network import Network
from graft.progress import Progress, Silent
from graft.runs.input_side import choose_size
from graft.runs.modality import parts_of
from graft.selection.sample import MOST_ROWS, sample_rows
from graft.selection.scores import FeatureScores, mean_ranks, require_scores, score_features
from graft.selection.speed import Cost, measure_cost
from graft.tasks.several import chosen_by, task_name
from graft.types import FloatArray, Json, Task, output_names

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
        tasks: What each label column asks for.
        candidates: What could be scored.
        failed: Name and reason of what could not be loaded.
    """

    source: str
    rows: int
    tasks: tuple[Task, ...]
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
            "task": task_name(self.tasks),
            "classes": len(output_names(self.tasks)),
            "metric": chosen_by(self.tasks),
            "best": self.best.backbone,
            "constant": constant,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "failed": [{"backbone": name, "reason": reason} for name, reason in self.failed],
        }

    def points_lost(self, other: Candidate) -> Json:
        """How much of the ridge figure another candidate loses against the best, on the same rows.

        The interval is the normal one of the mean paired difference.
        """
        apart = self.best.scores.gains - other.scores.gains
        value = float(apart.mean())
        half = 1.96 * float(apart.std()) / max(len(apart), 1) ** 0.5
        return {"value": value, "low": value - half, "high": value + half}


def rank_backbones(
    data: object,
    names: Sequence[str] | None,
    *,
    wanted: Wanted,
    test: object = None,
    weights: str = "pretrained",
    size: int | None = None,
    long: str = "truncate",
    pooling: str | None = None,
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
        names: Names or folders of backbones, at least one; None takes those that need no network.
        wanted: Columns and task, as far as they are named.
        test: Another source that becomes the test part.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of each checkpoint's.
        long: What becomes of longer texts.
        pooling: Of token vectors; None takes each checkpoint's own.
        most_rows: The largest number of rows to look at.
        seed: Of the split and of random weights.
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: Told how far the work is.

    Raises:
        UserError: The data or the machine is at fault, or no candidate can be loaded.
    """
    listener = progress or Silent()
    target = pick_device(device)
    if names is not None and not names:
        raise UnknownNameError("No backbone was named", next="name some with --backbones A B C")
    examples = read(
        data,
        input=wanted.input,
        label=wanted.label,
        labels=wanted.labels,
        task=wanted.task,
        group=wanted.group,
        test=test,
        modality=modality_of(names[0]) if names else None,
    )
    require_scores(examples.tasks)
    known = offline_backbones(examples.modality) if names is None else names
    parts = split(examples, seed=seed)
    outside = np.sort(np.concatenate([parts.train, parts.validation]))
    sample = examples.take(sample_rows(examples, outside, most_rows))
    bench = Bench(sample, target, len(parts.train), listener, long, pooling)
    scored: list[Candidate] = []
    failed: list[tuple[str, UserError]] = []
    for name in dict.fromkeys(known):
        try:
            scored.append(bench.score(name, weights=weights, size=size, seed=seed))
        except UserError as problem:
            failed.append((name, problem))
    if not scored:
        raise failed[0][1]
    reasons = tuple((name, problem.found) for name, problem in failed)
    return Ranking(examples.source, len(sample), sample.tasks, in_order(scored), reasons)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where candidates are compared.

    Attributes:
        sample: The rows.
        device: Where the backbones run.
        training_rows: Rows that training would see.
        progress: Told how far the work is.
        long: What becomes of longer texts.
        pooling: Of token vectors; None takes each checkpoint's own.
    """

    sample: Examples
    device: torch.device
    training_rows: int
    progress: Progress
    long: str = "truncate"
    pooling: str | None = None

    def score(self, name: str, *, weights: str, size: int | None, seed: int) -> Candidate:
        """Load one backbone, score its features and measure its cost.

        Raises:
            UserError: It cannot be loaded, takes other inputs, or its features are not finite.
        """
        begun = perf_counter()
        self.progress.say(f"{name} ...")
        side = choose_size(name, size, self.sample)
        backbone = load_backbone(
            name, weights=weights, size=side, long=self.long, pooling=self.pooling, seed=seed
        ).to(self.device)
        if backbone.modality != self.sample.modality:
            raise DataError(f"It takes {parts_of(backbone.modality).plural}, which these are not")
        features, rows, length = sample_features(self.sample, backbone, self.device, self.progress)
        scores = score_features(features, rows.tasks, rows.targets)
        cost = measure_cost(backbone, self.device, length)
        return Candidate(name, scores, cost, self.training_rows, perf_counter() - begun)


def in_order(scored: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates with their mean rank, the best first; the smaller of equals."""
    ranks = mean_ranks([candidate.scores.values() for candidate in scored])
    ranked = [replace(c, mean_rank=rank) for c, rank in zip(scored, ranks, strict=True)]
    return tuple(sorted(ranked, key=lambda c: (c.mean_rank, c.cost.parameters)))


def sample_features(
    sample: Examples, backbone: Backbone, device: torch.device, progress: Progress
) -> tuple[FloatArray, Examples, int | None]:
    """Pooled features (N, D) of the readable rows, these rows, and the mean length of texts.

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
    length = opened.facts(sample.source, digests).get("mean_length")
    return values.numpy(), sample.without(opened.faults), length
