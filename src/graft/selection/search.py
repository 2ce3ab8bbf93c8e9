"""The choice made for the user: first a probe, then only what can still win, under a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from graft.backbones.calls import CallsVary
from graft.backbones.offline import offline_backbones
from graft.device import pick_device
from graft.errors import UnknownNameError, UserError
from graft.progress import Progress
from graft.recipe import Recipe
from graft.run import Finished
from graft.runs.asked import Asked
from graft.runs.choice import few_texts
from graft.runs.folder import RunFolder
from graft.runs.names import check_names
from graft.runs.preparation import read_examples
from graft.runs.resume import begun
from graft.selection.account import account, first_figures, first_model, winner_line
from graft.selection.budget import Budget, BudgetSpentError, Watched
from graft.selection.compare import comparison
from graft.selection.depth import DepthCurve, depth_curve
from graft.selection.folds import are_few
from graft.selection.grid import PROBE, Choice, gradient_choices, probe_of
from graft.selection.keeper import Keeper
from graft.selection.race import Race
from graft.selection.ranking import Bench, Candidate, Ranking, in_order
from graft.selection.sample import outside, sample_rows
from graft.selection.trial import Trial, Trials
from graft.selection.trial_log import FILE, TrialLog
from graft.tasks.several import chosen_by
from graft.types import Json

MOST_FINALISTS = 2
# Kept back for the test figures, the report and what was predicted too low.
RESERVED_SHARE = 0.05


def search(
    recipe: Recipe,
    budget: float,
    *,
    backbones: Sequence[str] | None,
    data: object = None,
    out: Path | None = None,
    progress: Progress,
    compare: bool = False,
    again: bool = False,
) -> Finished:
    """Choose backbone, frozen depth, strategy and rate within a time, and carry the choice out.

    The first result, a linear probe, is on the disk within seconds, and the best so far stays
    there. Choices are judged on the validation part, or on a fold where there is none. The test
    part is looked at once, at the end, for the winner.

    Args:
        recipe: What it names (strategy, rate, epochs, head ...) is kept, the rest is chosen.
        budget: Seconds for the search with the winner's test figures, without `compare`.
        backbones: The candidates, at least one; None takes those that need no network.
        data: The data set, where it is an object rather than `recipe.data`.
        out: The run folder; None takes `runs/<time>-<data>`.
        progress: Told how far the work is.
        compare: Whether to set the winner beside random weights and frozen features.
        again: Whether to take up the search that did not finish in `out`: with its whole budget,
            what the bank holds, and the trials that were finished; the one under way is made again.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
    """
    check_names(recipe)
    if backbones is not None and not backbones:
        raise UnknownNameError("No backbone was named", next="name some with --backbone A,B")
    asked = Asked(recipe, compare, budget, None if backbones is None else tuple(backbones))
    with begun(asked, out, progress, again=again) as folder:
        log = TrialLog(folder.checkpoints / FILE)
        if again:
            finished = "1 trial" if len(log) == 1 else f"{len(log)} trials"
            progress.say(
                "The search goes on with its whole budget, what the bank holds, and "
                f"{finished} that finished."
            )
        clock = Budget(budget)
        source = recipe.data if data is None else data
        names = backbones
        if names is None:
            unnamed = recipe.model_copy(update={"backbone": None})
            names = offline_backbones(read_examples(unnamed, source).modality)
        trials = Trials(recipe, source, Watched(progress, clock), log=log)
        return Search(tuple(dict.fromkeys(names)), folder, trials).run(compare=compare)


@dataclass(slots=True)
class Search:
    """A search under way.

    Attributes:
        names: The candidate backbones.
        folder: Holds the best so far at any time.
        trials: Runs trials.
        ranked: The backbones that could be scored.
        failed: Name and reason of those that could not.
        curves: Depth curve by backbone.
        probes: The trials of the probes.
    """

    names: tuple[str, ...]
    folder: RunFolder
    trials: Trials
    ranked: list[Candidate] = field(default_factory=list)
    failed: list[tuple[str, UserError]] = field(default_factory=list)
    curves: dict[str, DepthCurve] = field(default_factory=dict)
    probes: list[Trial] = field(default_factory=list)

    def run(self, *, compare: bool) -> Finished:
        """Search, then score the winner on the test part, once."""
        keeper = Keeper(self.folder, self.describe, self.trials.attempt)
        budget = self.trials.progress.budget
        budget.reserve = -np.inf  # the first result is always brought to its end
        self._first_result(keeper)
        budget.reserve = RESERVED_SHARE * budget.seconds
        try:
            self._further_backbones()
            choices = [c for name in self._finalists(keeper) for c in self._choices(name)]
            self._race(keeper, choices)
        except BudgetSpentError:
            self.trials.progress.say("The budget is spent.")
        assert keeper.best is not None
        keeper.best.outcome = "won"
        budget.reserve = -np.inf  # so is the last
        self.trials.progress.say(winner_line(keeper.best, self.probes[0], self.metric))
        extra = self.describe(keeper.best)
        if compare:
            extra |= comparison(keeper.attempt(), self.trials.data, self.trials.progress)
        return keeper.write(test=True, extra=extra)

    def describe(self, winner: Trial | None = None) -> Json:
        """What the result says of the search, as it stands."""
        found: Json = {
            "search": account(
                self._ranking(), self.trials, self.trials.progress.budget, winner, self.probes
            )
        }
        name = winner.choice.backbone if winner else None
        if name in self.curves:
            found["depth_curve"] = self.curves[name].to_dict()
        return found

    @property
    def metric(self) -> str:
        """The figure by which choices are made."""
        return chosen_by(next(iter(self.trials.prepared.values())).examples.tasks)

    def _ranking(self) -> Ranking:
        first = next(iter(self.trials.prepared.values()))
        rows = sample_rows(first.examples, outside(first.split))
        reasons = tuple((name, problem.found) for name, problem in self.failed)
        tasks = first.examples.tasks
        return Ranking(first.examples.source, len(rows), tasks, in_order(self.ranked), reasons)

    def _first_result(self, keeper: Keeper) -> None:
        """Probe and scores of the first backbone that loads.

        Raises:
            UserError: None does, or the data are at fault.
        """
        for name in self.names:
            try:
                backbone = self.trials.load(name)
            except UserError as problem:
                self.failed.append((name, problem))
                continue
            self.trials.rows_of(backbone)
            progress = self.trials.progress
            self._score(name)
            spent = progress.budget.spent()
            progress.say(first_figures(self.ranked[0], self.metric, spent))
            self._probe(name, keeper)
            progress.say(first_model(self.probes[0], self.metric, progress.budget.spent()))
            return
        raise self.failed[0][1]

    def _further_backbones(self) -> None:
        known = {c.backbone for c in self.ranked} | {name for name, _ in self.failed}
        for name in self.names:
            if name not in known:
                try:
                    self._score(name)
                except UserError as problem:
                    self.failed.append((name, problem))

    def _score(self, name: str) -> None:
        base, first = self.trials.base, next(iter(self.trials.prepared.values()))
        sample = first.examples.take(sample_rows(first.examples, outside(first.split)))
        rows, device = len(first.split.train), pick_device(base.device)
        bench = Bench(sample, device, rows, self.trials.progress, base.long, base.pooling)
        scored = bench.score(name, weights=base.weights, size=base.size, seed=base.seed)
        self.ranked.append(scored)

    def _probe(self, name: str, keeper: Keeper) -> None:
        backbone = self.trials.load(name)
        self.trials.rows_of(backbone)
        trial = self.trials.run(probe_of(self.trials.base, backbone), None)
        self.probes.append(trial)
        keeper.offer(trial, eligible=self._probes_may_win)

    @property
    def _probes_may_win(self) -> bool:
        return self.trials.base.strategy in (None, PROBE)

    def _finalists(self, keeper: Keeper) -> list[str]:
        """At most two backbones: the first of the ranking, and one that it does not beat."""
        ranking = self._ranking()
        near = [c for c in ranking.candidates if ranking.points_lost(c)["low"] <= 0]
        names = [candidate.backbone for candidate in near[:MOST_FINALISTS]]
        for name in names:
            if name not in {trial.choice.backbone for trial in self.probes}:
                self._probe(name, keeper)
        return names

    def _choices(self, name: str) -> list[Choice]:
        backbone = self.trials.load(name).to(pick_device(self.trials.base.device))
        prepared = self.trials.rows_of(backbone)
        usual = len(backbone.blocks) * 3 // 4
        rows = sample_rows(prepared.examples, outside(prepared.split))
        digests = [prepared.digests[row] for row in rows]
        targets = prepared.examples.targets[rows]
        few = few_texts(self.trials.base, prepared.examples, prepared.split.train)
        choices = partial(gradient_choices, self.trials.base, backbone, few_texts=few)
        try:
            self.curves[name] = depth_curve(
                backbone, prepared.opened, digests, prepared.examples.tasks, targets
            )
        except CallsVary:
            return choices(usual)
        return choices(self.curves[name].recommended)

    def _race(self, keeper: Keeper, choices: Sequence[Choice]) -> None:
        costs = {candidate.backbone: candidate for candidate in self.ranked}
        names = {choice.backbone for choice in choices}
        probes = [trial for trial in self.probes if trial.choice.backbone in names]
        few = are_few(next(iter(self.trials.prepared.values())))
        Race(self.trials, keeper, costs, self._probes_may_win, few).run(probes, choices)
