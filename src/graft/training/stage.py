"""A stage: the strategy's phases, one after the other, on the data that a scenario chose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import torch
from torch import Tensor, nn

from graft.bank.bucketed import AnyFeed
from graft.bank.feed import Reader
from graft.bank.source import Source, Views, open_source
from graft.closedform import LinearSolution
from graft.data.batches import Batches
from graft.device import precision
from graft.heads.linear import LinearHead
from graft.network import Network
from graft.objectives import Objective
from graft.plan import apply, movable
from graft.progress import Progress
from graft.strategies import Ending, Phase, Weights
from graft.training.average import Average, all_finite, moving, snapshot
from graft.training.history import History
from graft.training.loop import Best, Loop, Scores, run_epochs
from graft.training.mixing import Mixer, build_mixer, notes_on_exact
from graft.training.modes import Modes
from graft.training.optimizer import build_optimizer
from graft.training.options import TrainingOptions
from graft.training.rates import phase_rate
from graft.training.records import Outcome, PhaseRecord
from graft.training.rescue import start_rescue
from graft.training.schedule import build_schedule
from graft.training.watch import outputs_of
from graft.types import Batch, FloatArray, IntArray, Json, Targets

# Without --epochs a phase runs until it has taken about this many steps.
TARGET_STEPS = 300
FEWEST_EPOCHS, MOST_EPOCHS = 8, 30
EVALUATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class StageData:
    """The rows of one stage.

    Attributes:
        train: Row numbers to learn from.
        validation: Row numbers that early stopping looks at; may be empty.
        targets: Of every row of the data set: (N,) class indices, or (N, W) float32 for other
            tasks than one column of classes.
    """

    train: IntArray
    validation: IntArray
    targets: Targets


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

    def run(
        self, phases: Sequence[Phase], data: StageData, objective: Objective, epochs: int | None
    ) -> None:
        """Run the phases in order; the network ends with the last one's best weights.

        Raises:
            DivergenceError: A gradient phase diverged before its first epoch was over.
        """
        objective.to(self.device)
        self.origin = {}
        for phase in phases:
            if phase.plan.trained and any(p.penalty or p.finalize for p in phases):
                self._remember_origin()
            self._run_phase(phase, data, objective, epochs)

    def _remember_origin(self) -> None:
        if not self.origin:
            state = self.network.state_dict()
            self.origin = {name: tensor.clone() for name, tensor in state.items()}

    def _run_phase(
        self, phase: Phase, data: StageData, objective: Objective, epochs: int | None
    ) -> None:
        begun = perf_counter()
        attached = phase.attach(self.network, self.options.seed) if phase.attach else None
        apply(phase.plan, self.network)
        parameters = sum(p.numel() for p in self.network.parameters() if p.requires_grad)
        source = self._open(phase, data)
        if phase.solver == "exact" and self._solve(source, data, objective):
            outcome = Outcome("exact")
        else:
            outcome = self._descend(phase, source, data, objective, epochs)
        merged: tuple[str, ...] = ()
        if attached:
            attached.merge()
            merged = attached.tensors
            source = self._open(phase, data)
        notes = self._finalize(phase, source, data, objective)
        tensors = movable(phase.plan, self.network) | {*merged}
        seconds = perf_counter() - begun
        self._record(phase, outcome, seconds, tensors, parameters, notes)

    def _open(self, phase: Phase, data: StageData) -> Source:
        views = Views(self.options.views, self.options.augment, data.train)
        depth = phase.plan.frozen_depth
        return open_source(self.network, depth, self.feed, self.warnings, views)

    def _finalize(
        self, phase: Phase, source: Source, data: StageData, objective: Objective
    ) -> list[str]:
        if not phase.finalize:
            return []
        validate = self._validation(source, data, objective)
        batches = self.batches(source, data, data.train, training=True, augment="none")
        ending = Ending(
            network=self.network,
            plan=phase.plan,
            origin=self.origin,
            suffix=source.suffix,
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
        self.records.append(
            PhaseRecord(
                phase.name,
                outcome,
                seconds,
                (*trained, "head"),
                tensors,
                parameters,
                "; ".join(notes),
            )
        )

    def _solve(self, source: Source, data: StageData, objective: Objective) -> bool:
        """Set the head to the exact solution; False where there is none."""
        head = self.network.head
        features_are_read = source.depth == len(self.network.backbone.blocks)
        if not isinstance(head, LinearHead) or not features_are_read:
            return False
        held_out = None
        if len(data.validation):
            held_out = (source.read(data.validation).numpy(), data.targets[data.validation])
        solution = _solution(source, data, objective, held_out, self.warnings)
        if solution is None:
            return False
        head.set_solution(torch.from_numpy(solution.weight), torch.from_numpy(solution.bias))
        return True

    def _descend(
        self,
        phase: Phase,
        source: Source,
        data: StageData,
        objective: Objective,
        epochs: int | None,
    ) -> Outcome:
        options = self.options
        batches = self.batches(source, data, data.train, training=True)
        steps = -(-len(batches) // options.accumulate)
        count = phase_epochs(phase, epochs, steps)
        loop = self.loop(phase, source, batches, objective, count * steps)
        validate = self._validation(source, data, objective)
        best = self._best(phase, validate)
        first = len(self.history.rows)
        self.progress.start(phase.name, count)
        with outputs_of(self.network.head) as outputs:
            loop.guard = start_rescue(
                phase.plan,
                self.network,
                source.suffix,
                objective,
                loop,
                outputs,
                partial(_tell_rescue, self, phase.name),
            )
            run_epochs(
                loop,
                count,
                validate=validate,
                best=best,
                patience=options.patience,
                record=partial(self._add_row, phase.name),
            )
        self.progress.finish(phase.name)
        epochs_run = sum("epoch" in row for row in self.history.rows[first:])
        return Outcome("gradient", epochs_run, best.epoch, self.rate(phase))

    def loop(
        self, phase: Phase, source: Source, batches: Batches, objective: Objective, steps: int
    ) -> Loop:
        """What takes the steps of a gradient phase; its schedule ends after `steps`."""
        options = self.options
        if phase.penalty:
            self._remember_origin()
        optimizer = build_optimizer(
            options.optimizer,
            phase.plan,
            self.network,
            objective,
            lr=self.rate(phase),
            weight_decay=0.0 if phase.penalty else options.weight_decay,
        )
        average = None
        if phase.average:
            average = Average(moving(self.network, phase.plan), phase.average)

        stored = source.depth > 0
        texts = source.lengths is not None
        mixer = build_mixer(options.mix, options.seed, stored, texts, phase.name, self.warnings)

        def inputs() -> Iterator[Tensor]:
            return (batch.inputs for batch in batches.epoch(0))

        return Loop(
            step=partial(self._loss, phase, objective, source.suffix, mixer),
            weigh=objective.weigh,
            batches=batches,
            optimizer=optimizer,
            schedule=build_schedule(options.schedule, optimizer, steps),
            modes=Modes(phase.plan, self.network, optimizer, source.suffix, inputs, average),
            clip=options.clip,
            accumulate=options.accumulate,
            after_step=average.after_step if average else None,
        )

    def rate(self, phase: Phase) -> float:
        """The learning rate of a gradient phase: the user's, or else the phase's own."""
        if self.options.lr is not None:
            return self.options.lr
        return phase_rate(phase, self.network.backbone, self.options.optimizer)

    def batches(
        self,
        source: Source,
        data: StageData,
        rows: IntArray,
        *,
        training: bool,
        augment: str | None = None,
    ) -> Batches:
        """Batches of some rows: shuffled and augmented for training, in order otherwise."""
        name = augment or self.options.augment if training and source.depth == 0 else "none"
        views = source.views if training and augment is None else ()
        return Batches(
            lambda chosen: source.reader(rows[chosen]),
            data.targets[rows],
            self.options.batch_size if training else EVALUATION_BATCH,
            shuffle=training,
            seed=self.options.seed,
            balanced=training and self.options.sampling == "balanced",
            views=[partial(_rows_of, reader, rows) for reader in views],
            transform=source.transform(name),
            device=self.device,
            lengths=None if source.lengths is None else source.lengths[rows],
        )

    def _validation(
        self, source: Source, data: StageData, objective: Objective
    ) -> Callable[[], Scores] | None:
        if not len(data.validation):
            return None
        batches = self.batches(source, data, data.validation, training=False)

        def validate() -> Scores:
            self.network.eval()
            with precision(self.device):
                return objective.score(source.suffix, batches.epoch(0))

        return validate

    def _best(self, phase: Phase, validate: Callable[[], Scores] | None) -> Best:
        best = Best(
            take=partial(snapshot, self.network, phase.plan),
            restore=partial(self.network.load_state_dict, strict=False),
            finite=partial(all_finite, self.network, phase.plan),
        )
        if phase.keep_start and validate is not None:
            best.offer(0, validate()["loss"])
        return best

    def _loss(
        self,
        phase: Phase,
        objective: Objective,
        suffix: nn.Module,
        mixer: Mixer | None,
        batch: Batch,
    ) -> Tensor:
        with precision(self.device):
            losses = mixer.losses(objective, suffix, batch) if mixer else objective(suffix, batch)
        if phase.penalty:
            losses = {**losses, "penalty": phase.penalty(self.network, self.origin)}
        first, *more = losses.values()
        return torch.stack([first, *more]).sum() if more else first

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


def _solution(
    source: Source,
    data: StageData,
    objective: Objective,
    held_out: tuple[FloatArray, IntArray] | None,
    warnings: list[str],
) -> LinearSolution | None:
    """The exact head on every view of the training rows, or on the plain ones with a warning."""
    targets = data.targets[data.train]
    if source.views:
        features = source.read_views(data.train).numpy()
        found = objective.solve_views(features, targets, held_out, len(source.views) + 1)
        if found is not None:
            return found
    plain = objective.solve(source.read(data.train).numpy(), targets, held_out)
    if source.views and plain is not None:
        warnings.append("This task's exact solution uses the plain pictures alone.")
    return plain


def _rows_of(reader: Reader, rows: IntArray, chosen: IntArray) -> Tensor:
    return reader(rows[chosen])


def phase_epochs(phase: Phase, epochs: int | None, batches: int) -> int:
    """How many epochs a phase runs; at least one.

    Without a number from the user: about 300 steps, in 8 to 30 epochs.
    """
    if epochs is None:
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-TARGET_STEPS // max(1, batches))))
    return max(1, round(epochs * phase.share))
