"""A stage: the strategy's phases, one after the other, on the data that a scenario chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Protocol

import torch

from graft.bank.bucketed import AnyFeed
from graft.bank.source import Views, open_source
from graft.network import Network
from graft.objectives import Contrasted, Objective
from graft.plan import apply, movable, named_head
from graft.progress import Progress
from graft.strategies import Ending, Phase, Weights
from graft.training.descent import Descent, Ground, descent_of
from graft.training.exact import Solutions, solve
from graft.training.history import History
from graft.training.mixing import build_mixer, notes_on_exact
from graft.training.options import TrainingOptions
from graft.training.pieces import Pieces
from graft.training.position import Position
from graft.training.randomness import random_state
from graft.training.records import Outcome, PhaseRecord, moved_so_far, record_of
from graft.training.rows import Rows, StageData
from graft.types import Json

__all__ = [
    "FEWEST_EPOCHS",
    "MOST_EPOCHS",
    "TARGET_STEPS",
    "StageData",
    "StageRunner",
    "phase_epochs",
    "usual_epochs",
]

# Without --epochs a phase runs until it has taken about this many steps.
TARGET_STEPS = 300
FEWEST_EPOCHS, MOST_EPOCHS = 8, 30
UNCOMPARED = (
    "there are no validation rows, so nobody knows whether fine-tuning is better than the probe "
    "that it began from (with --budget, a fold of the training rows tells)."
)


class Pause(Protocol):
    """Called between steps, epochs and phases: where a checkpoint can be taken."""

    def __call__(self, state: Callable[[], Json], *, inside: bool) -> None:
        """`state` gives what a checkpoint keeps, `inside` tells whether more steps follow."""


def go_on(state: Callable[[], Json], *, inside: bool) -> None:
    """A pause in which nothing is done."""


@dataclass(slots=True)
class StageRunner:
    """Runs phases on one network.

    Attributes:
        network: What is trained, in place.
        feed: Readers at every depth.
        device: Where training runs.
        options: Settings shared by all gradient phases.
        history: Gets a row per epoch.
        progress: Told about every epoch.
        warnings: Sentences for the result.
        records: What each phase did.
        origin: The weights before any block trained in this stage, where a phase asks for them.
        pause: Called between steps, epochs and phases.
        position: Which stage and phase is under way; moved by `resume`.
        solutions: Exact solutions that are shared with other runs.
    """

    network: Network
    feed: AnyFeed
    device: torch.device
    options: TrainingOptions
    history: History
    progress: Progress
    warnings: list[str] = field(default_factory=list)
    records: list[PhaseRecord] = field(default_factory=list)
    origin: Weights = field(default_factory=dict)
    pause: Pause = go_on
    position: Position = field(default_factory=Position)
    solutions: Solutions | None = None

    def run(
        self, phases: Sequence[Phase], data: StageData, objective: Objective, epochs: int | None
    ) -> None:
        """Run the phases in order; the network ends with the last one's best weights.

        Raises:
            DivergenceError: A gradient phase diverged before its first epoch was over.
        """
        objective.to(self.device)
        self.position.begin_stage(objective, self.network)
        for phase in phases[self.position.phase :]:
            if phase.plan.trained and any(p.penalty or p.finalize for p in phases):
                self._remember_origin()
            self._run_phase(phase, data, objective, epochs)
            self.position.next_phase()
            self.pause(partial(self._between, objective), inside=False)
        self.origin = {}
        self.position.next_stage()

    def _remember_origin(self) -> None:
        if not self.origin:
            state = self.network.state_dict()
            self.origin = {name: tensor.clone() for name, tensor in state.items()}

    def _run_phase(
        self, phase: Phase, data: StageData, objective: Objective, epochs: int | None
    ) -> None:
        begun = perf_counter()
        objective.begin()
        kept = moved_so_far(self.network, self.records)
        attached = phase.attach(self.network, self.options.seed) if phase.attach else None
        apply(phase.plan, self.network)
        parameters = sum(p.numel() for p in self.network.parameters() if p.requires_grad)
        rows = self._open(phase, data)
        if phase.solver == "exact" and self._solve(phase, rows, objective):
            outcome = Outcome("exact")
        else:
            outcome = self._descend(phase, rows, objective, epochs, kept)
        merged: tuple[str, ...] = ()
        if attached:
            attached.merge()
            merged = attached.tensors
            rows = self._open(phase, data)
        notes = self._finalize(phase, rows, objective)
        tensors = movable(phase.plan, self.network) | {*merged}
        seconds = perf_counter() - begun
        self._record(phase, outcome, seconds, tensors, parameters, notes)

    def _open(self, phase: Phase, data: StageData) -> Rows:
        views = Views(self.options.views, self.options.augment, data.train)
        depth = phase.plan.frozen_depth
        source = open_source(self.network, depth, self.feed, self.warnings, views)
        self.feed.ready.release()
        return Rows(source, data, self.options, self.device)

    def _solve(self, phase: Phase, rows: Rows, objective: Objective) -> bool:
        """The exact solution; none where the phase was found descending."""
        if self.position.descent is not None:
            return False
        return solve(
            self.network, rows, objective, self.warnings, self.solutions, drawn=phase.drawn
        )

    def _finalize(self, phase: Phase, rows: Rows, objective: Objective) -> list[str]:
        if not phase.finalize:
            return []
        validate = rows.validation(self.network, objective)
        batches = rows.training(augment="none")
        ending = Ending(
            network=self.network,
            plan=phase.plan,
            origin=self.origin,
            suffix=rows.source.suffix,
            score=None if validate is None else (lambda: validate()["loss"]),
            batches=lambda: (batch.inputs for batch in batches.epoch(0)),
        )
        return [finalize(ending) for finalize in phase.finalize]

    def _record(
        self,
        phase: Phase,
        outcome: Outcome,
        seconds: float,
        tensors: frozenset[str],
        parameters: int,
        notes: list[str],
    ) -> None:
        if phase.solver != outcome.solver:
            notes = ["no exact solution for this head and loss: gradient descent", *notes]
            self.warnings.append(f"Phase '{phase.name}': {notes[0]}.")
        elif outcome.solver == "exact":
            of_batches = notes_on_exact(self.options.mix, self.options.sampling)
            self.warnings += [f"Phase '{phase.name}': {note}." for note in of_batches]
            notes = [*of_batches, *notes]
        blocks = self.network.backbone.blocks
        trained = [block.name for block in blocks if not tensors.isdisjoint(block.tensors)]
        head = () if phase.contrast else named_head(self.network)  # pairs have no answers
        self.records.append(
            PhaseRecord(
                phase.name,
                outcome,
                seconds,
                (*trained, *head),
                tensors,
                parameters,
                "; ".join(filter(None, [outcome.note, *notes])),
            )
        )

    def _descend(
        self,
        phase: Phase,
        rows: Rows,
        objective: Objective,
        epochs: int | None,
        kept: Weights,
    ) -> Outcome:
        if phase.contrast:
            objective = Contrasted(objective, self.network.head, phase.contrast)
        ground = self.ground(phase, rows, objective)
        steps = -(-len(rows.training()) // self.options.accumulate)
        count = phase_epochs(phase, epochs, steps)
        descent = descent_of(ground, count * steps)
        if phase.keep_start and descent.validate is None:
            self.warnings.append(f"Phase '{phase.name}': {UNCOMPARED}")
        descent.loop.pieces = Pieces(self.options.micro_batch, self._tell_memory)
        found = self.position.take()
        first = found["first"] if found else len(self.history.rows)
        self.progress.start(phase.name, count)
        self.progress.advance(phase.name, len(self.history.rows) - first)
        descent.run(
            count,
            record=partial(self._add_row, phase.name),
            tell=partial(_tell_rescue, self, phase.name),
            pause=partial(self._pause_inside, descent, first, kept),
            state=found,
        )
        self.progress.finish(phase.name)
        epochs_run = sum("epoch" in row for row in self.history.rows[first:])
        note = objective.note() if isinstance(objective, Contrasted) else ""
        return Outcome("gradient", epochs_run, descent.best.epoch, ground.rate, note)

    def ground(self, phase: Phase, rows: Rows, objective: Objective) -> Ground:
        """What a gradient phase stands on."""
        if phase.penalty:
            self._remember_origin()
        source, options = rows.source, self.options
        stored, texts = source.depth > 0, source.lengths is not None
        mixer = build_mixer(options.mix, options.seed, stored, texts, phase.name, self.warnings)
        return Ground(phase, self.network, rows, objective, self.origin, mixer)

    def _between(self, objective: Objective) -> Json:
        """What a checkpoint between two phases keeps."""
        boundary = {"objective": objective.state(self.network), "random": random_state()}
        return {
            **self._common(moved_so_far(self.network, self.records), {}),
            "boundary": boundary,
            "descent": None,
        }

    def _pause_inside(self, descent: Descent, first: int, kept: Weights) -> None:
        def state() -> Json:
            inside = {**descent.state(), "first": first}
            return {**self._common(kept, inside["network"]), "boundary": None, "descent": inside}

        self.pause(state, inside=True)

    def _common(self, kept: Weights, moving: Weights) -> Json:
        """What every checkpoint keeps. `kept` moved in earlier phases, `moving` moves now."""
        changed = {*kept, *moving}
        return {
            "stage": self.position.stage,
            "phase": self.position.phase,
            "network": {name: t for name, t in kept.items() if name not in moving},
            "origin": {name: t for name, t in self.origin.items() if name in changed},
            "has_origin": bool(self.origin),
            "records": [record.state() for record in self.records],
            "warnings": [*self.warnings],
            "history": self.history.rows,
            "micro_batch": self.options.micro_batch,
        }

    def resume(self, state: Json) -> None:
        """Take up a run where `state` was taken.

        The network must be as it was before training; frozen tensors are not in a checkpoint.
        """
        inside = state["descent"]
        self.position = Position(state["stage"], state["phase"], state["boundary"], inside)
        self.network.load_state_dict(
            state["network"] | (inside["network"] if inside else {}), strict=False
        )
        if state["has_origin"]:
            present = self.network.state_dict()
            self.origin = {n: state["origin"].get(n, t).clone() for n, t in present.items()}
        self.records[:] = [record_of(record) for record in state["records"]]
        self.warnings[:] = state["warnings"]
        self.options = replace(self.options, micro_batch=state["micro_batch"])
        self.history.rewind(state["history"])

    def _tell_memory(self, rows: int) -> None:
        """Keep to smaller pieces in what follows, and say so."""
        self.options = replace(self.options, micro_batch=rows)
        line = f"Memory ran out: gradients are computed {rows} rows at a time and added up."
        self.warnings.append(line)
        self.progress.say(line)

    def _add_row(self, phase: str, row: Json) -> None:
        self.history.add({"phase": phase, **row})
        note = "  ".join(
            f"{name.replace('_', ' ')} {row[name]:.3f}"
            for name in ("loss", "validation_loss", "validation_accuracy")
            if name in row
        )
        self.progress.advance(phase, 1, note)


def _tell_rescue(runner: StageRunner, phase: str, sentence: str) -> None:
    runner.history.add({"phase": phase, "rescue": sentence})
    line = f"Phase '{phase}': {sentence}"
    runner.warnings.append(line)
    runner.progress.say(line)


def phase_epochs(phase: Phase, epochs: int | None, batches: int) -> int:
    """How many epochs a phase runs; at least one.

    Without a number from the user: `usual_epochs`.
    """
    if epochs is None:
        epochs = usual_epochs(phase.steps, batches)
    return max(1, round(epochs * phase.share))


def usual_epochs(steps: int | None, batches: int) -> int:
    """Epochs of about so many steps, at least one; without a number about 300 steps in 8 to 30."""
    if steps is not None:
        return max(1, round(steps / max(1, batches)))
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-TARGET_STEPS // max(1, batches))))
