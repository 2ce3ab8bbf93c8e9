"""A run: recipe -> parts -> loop -> result. Read it from the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from graft.bank import bank_folder
from graft.bank.bucketed import AnyFeed
from graft.bank.source import open_source
from graft.bank.way import Wish, with_way
from graft.device import training_precision
from graft.errors import DataError
from graft.export.native import save_model
from graft.memory import prepare_for_limit
from graft.network import Network
from graft.plan import Audit, Auditor
from graft.progress import Progress, Silent
from graft.recipe import Recipe
from graft.runs.asked import Asked
from graft.runs.assessing import Assessing, assessor_of
from graft.runs.clock import Clock
from graft.runs.folder import RunFolder
from graft.runs.grafting import graft_head
from graft.runs.input_side import settle
from graft.runs.modality import parts_of
from graft.runs.names import check_names
from graft.runs.predictor import probabilities
from graft.runs.preparation import Prepared, prepare, read_examples
from graft.runs.resolve import notes_on_choices, resolve
from graft.runs.result import data_part, plan_part, timestamp, versions
from graft.runs.resume import begun, found_state, identity, place_of
from graft.runs.together import together
from graft.scenarios import Problem, Stage, build_scenario
from graft.strategies import Phase, build_strategy, phases_for
from graft.tasks.several import task_name
from graft.training import History, StageRunner
from graft.training.keeper import Keeper
from graft.training.options import loss_settings, training_options
from graft.training.stage import StageData
from graft.types import FloatArray, IntArray, Json, Task, output_names


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run.

    Attributes:
        network: The trained network, in evaluation mode.
        result: What `result.json` says.
        folder: Where everything was written.
        tasks: What the network's outputs mean.
    """

    network: Network
    result: Json
    folder: Path
    tasks: tuple[Task, ...]


def run(
    recipe: Recipe,
    *,
    data: object = None,
    out: Path | None = None,
    progress: Progress | None = None,
    again: bool = False,
    every: float | None = None,
    extra: Callable[[Attempt], Json] | None = None,
) -> Finished:
    """Carry out a recipe.

    Args:
        recipe: Every choice.
        data: The data set, where it is an object rather than `recipe.data`.
        out: The run folder; None takes `runs/<time>-<data>`.
        progress: Told how far the work is.
        again: Whether to take up the run that did not finish in `out`.
        every: Seconds between two checkpoints; see `graft.training.keeper.Keeper`.
        extra: Further entries of the result, taken when all is trained.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
        AuditError: A frozen tensor moved.
        KeyboardInterrupt: The user stopped it; it can be taken up.
    """
    check_names(recipe)
    if data is None and recipe.data is None:
        raise DataError(
            "No data set was given",
            allowed="a folder, a table, an .npz archive, a CIFAR folder, a data set object",
            next="name one, or give a recipe that does",
        )
    source, listener = recipe.data if data is None else data, progress or Silent()
    with begun(Asked(recipe), out, listener, again=again) as folder:
        attempt = begin(recipe, source, listener, note=folder.note_recipe)
        keeper = train_in(folder, attempt, every)
        found = {"checkpoints": keeper.to_dict(), **(extra(attempt) if extra else {})}
        return conclude(attempt, folder, extra=found)


@dataclass(slots=True)
class Attempt:
    """A recipe with its parts: `begin` builds them, `train` trains, `conclude` measures.

    Attributes:
        recipe: Every choice made.
        prepared: The rows and their parts.
        network: Pretrained backbone and new head; trained in place.
        feed: Readers of the rows at every depth.
        assessor: Measures the network on the held-out rows.
        phases: What the strategy makes of a stage.
        runner: Runs them, and keeps records and warnings.
        auditor: Knows every tensor as it was.
        clock: Where the seconds went.
    """

    recipe: Recipe
    prepared: Prepared
    network: Network
    feed: AnyFeed
    assessor: Assessing
    phases: tuple[Phase, ...]
    runner: StageRunner
    auditor: Auditor
    clock: Clock

    def predictor(self) -> Callable[[IntArray], FloatArray]:
        """Row numbers to answers (N, C) of the network as it is now."""
        depth = self.phases[-1].plan.frozen_depth
        source = open_source(self.network, depth, self.feed, self.runner.warnings)
        tasks = self.prepared.examples.tasks
        return partial(probabilities, self.network, source, tasks=tasks)


def begin(
    recipe: Recipe,
    data: object,
    progress: Progress,
    *,
    prepared: Prepared | None = None,
    note: Callable[[Recipe], None] = lambda _: None,
) -> Attempt:
    """Load and build the parts of a recipe, and make every choice that it leaves open.

    Args:
        recipe: Every choice.
        data: The data set.
        progress: Told how far the work is.
        prepared: The data set as an earlier attempt with the same preprocessing left it.
        note: Given the recipe with every choice made, as soon as they are.

    Raises:
        UserError: The data, a name or the machine is at fault.
    """
    clock = Clock()
    set_machine(recipe)
    root = bank_folder()
    with clock.part("load"):
        examples = prepared.examples if prepared else read_examples(recipe, data)
        parts = parts_of(examples.modality)
        recipe = settle(recipe, examples, prepared)
        backbone = parts.load(recipe)
        if recipe.strategy:  # whether it fits is known before the rows are decoded
            build_strategy(recipe.strategy).phases([block.name for block in backbone.blocks])
        prepared = prepared or prepare(recipe, examples, backbone, root, progress)
    tasks, known = prepared.examples.tasks, prepared.examples.targets[prepared.split.train]
    network = graft_head(recipe, backbone, tasks, known)
    asked, recipe = recipe, resolve(recipe, network, prepared)
    phases = phases_for(str(recipe.strategy), network)
    device = next(network.parameters()).device
    wish = Wish(recipe.engine, recipe.prefix_batch, recipe.precision)
    feed = parts.open_feed(
        prepared.opened, prepared.digests, network, device, root, progress, recipe.storage, wish
    )
    feed.chosen = lambda way: note(with_way(recipe, way))
    runner = StageRunner(network, feed, device, training_options(recipe), History(), progress)
    runner.warnings += [*prepared.warnings, *notes_on_choices(asked, recipe, prepared)]
    with clock.part("prefix"):
        depths = [phase.plan.frozen_depth for phase in phases]
        assessor = assessor_of(
            prepared, feed, network, recipe.seed, progress, runner.warnings, depths
        )
    recipe = with_way(recipe, feed.way)
    auditor = Auditor(network)
    return Attempt(recipe, prepared, network, feed, assessor, phases, runner, auditor, clock)


def stages(attempt: Attempt) -> Iterator[Stage]:
    """What the scenario makes of the data."""
    recipe, prepared = attempt.recipe, attempt.prepared
    problem = Problem(
        data=StageData(
            prepared.split.train, prepared.split.validation, prepared.targets(), prepared.units()
        ),
        tasks=prepared.examples.tasks,
        losses=loss_settings(recipe),
        balance=recipe.balance,
        epochs=recipe.epochs,
    )
    return build_scenario(str(recipe.scenario)).stages(problem)


def train(
    attempt: Attempt,
    history: History,
    keeper: Keeper | None = None,
    state: Json | None = None,
) -> None:
    """The scenario yields stages, the strategy divided them into phases, the runner runs them.

    Args:
        attempt: What is trained.
        history: Gets a row per epoch.
        keeper: Writes checkpoints.
        state: What a checkpoint kept of training; None to train from the start.

    Raises:
        DivergenceError: A gradient phase went wrong too often.
        KeyboardInterrupt: The user stopped it; the keeper has written a checkpoint.
    """
    runner = attempt.runner
    runner.history = history
    with attempt.clock.part("evaluate"):
        attempt.assessor.before()
    if state is not None:
        runner.resume(state)
    if keeper is not None:
        runner.pause = keeper.pause
    with attempt.clock.part("train"), keeper.listening() if keeper else nullcontext():
        for number, stage in enumerate(stages(attempt)):
            if number >= runner.position.stage:  # else an earlier process was through with it
                runner.run(attempt.phases, stage.data, stage.objective, stage.epochs)
            audit(attempt)
        runner.network.eval()
    fitting = {"micro_batch": runner.options.micro_batch}
    attempt.recipe = attempt.recipe.model_copy(update=fitting)


def train_in(folder: RunFolder, attempt: Attempt, every: float | None) -> Keeper:
    """Train in a run folder, from the start or from its latest checkpoint.

    Args:
        folder: Gets recipe, history and checkpoints.
        attempt: What is trained.
        every: Seconds between two checkpoints; see `Keeper`.

    Raises:
        UserError: As `train`; or the checkpoint is of another recipe, other data or versions.
    """
    mine, say = identity(attempt.recipe, attempt.prepared), attempt.runner.progress.say
    state = found_state(folder, mine, say) if folder.again else None
    folder.write_recipe(attempt.recipe)
    history = History(folder.history)
    history.rewind([])
    keeper = Keeper(folder.checkpoints, say, every)

    def beside() -> Json:
        folder.require_in_place()
        return {
            "identity": mine,
            "clock": attempt.clock.parts(),
            "warnings": attempt.feed.warnings,
            "checkpoints": keeper.to_dict(),
        }

    keeper.about = beside
    if state is not None:
        about = state["about"]
        attempt.clock.add(about["clock"])
        attempt.feed.warnings[:0] = about["warnings"]
        keeper.resume(about["checkpoints"], place_of(state, attempt.phases))
        say(f"Goes on in stage {state['stage'] + 1}, phase {state['phase'] + 1}.")
    train(attempt, history, keeper, state)
    folder.write_recipe(attempt.recipe)
    return keeper


def audit(attempt: Attempt) -> Audit:
    """What moved since the beginning; after each stage, and in the end.

    Raises:
        AuditError: A frozen tensor moved.
    """
    allowed = {name for record in attempt.runner.records for name in record.tensors}
    return attempt.auditor.compare(allowed)


def conclude(
    attempt: Attempt, folder: RunFolder, *, test: bool = True, extra: Json | None = None
) -> Finished:
    """Audit and measure what was trained, and write model and result.

    Args:
        attempt: What was trained.
        folder: Where to.
        test: Whether to look at the test part: not before every choice is made.
        extra: Further entries of the result.

    Raises:
        AuditError: A frozen tensor moved.
        OutputError: The folder cannot be written.
    """
    recipe, prepared, runner = attempt.recipe, attempt.prepared, attempt.runner
    network, feed = attempt.network, attempt.feed
    proof = audit(attempt)
    with attempt.clock.part("evaluate"):
        measured = attempt.assessor.measure(attempt.predictor(), test=test)
        measured |= parts_of(prepared.examples.modality).show(
            folder.pictures, prepared.examples, prepared.split.train, measured["errors"]
        )
    device = next(network.parameters()).device
    result = {
        **_header(recipe, prepared.examples.tasks),
        **data_part(prepared.examples, prepared.split),
        "data": prepared.facts,
        "findings": [finding.to_dict() for finding in prepared.findings],
        **measured,
        **plan_part(network, runner.records, attempt.phases[-1].plan, proof),
        "preprocess": network.backbone.spec.to_dict(),
        "bank": feed.use.to_dict(),
        "engine": feed.way.identity(device) if feed.way else None,
        "precision": training_precision(device, recipe.precision),
        **(extra or {}),
        "warnings": [*dict.fromkeys([*runner.warnings, *feed.warnings])],
        "seconds": attempt.clock.seconds(),
    }
    tasks = prepared.examples.tasks
    if test and len(tasks) > 1:
        result["multi_task"] = together(result, tasks)
    return _finish(network, tasks, folder, result)


def _finish(network: Network, tasks: tuple[Task, ...], folder: RunFolder, result: Json) -> Finished:
    """Save the model, then the result: its presence is what makes the run finished."""
    folder.require_in_place()
    saved = save_model(
        folder.model,
        network,
        labels=output_names(tasks),
        task=task_name(tasks),
        tasks=tasks,
        extra={key: result[key] for key in ("strategy", "frozen_depth", "versions", "metrics")},
    )
    result["model"] = {"format": saved.format, "load": saved.load, "seal": saved.seal}
    folder.write_result(result)
    return Finished(network, result, folder.path, tasks)


def set_machine(recipe: Recipe) -> None:
    """Threads and seeds, so that the same recipe gives the same bytes on a CPU; room to begin."""
    prepare_for_limit()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)


def _header(recipe: Recipe, tasks: tuple[Task, ...]) -> Json:
    return {
        "graft": versions()["graft"],
        "created": timestamp(),
        "task": task_name(tasks),
        "backbone": recipe.backbone,
        "weights": recipe.weights,
        "strategy": recipe.strategy,
        "scenario": recipe.scenario,
        "head": recipe.head,
        "seed": recipe.seed,
        "versions": versions(),
        "recipe": recipe.model_dump(),
    }
