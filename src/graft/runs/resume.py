"""A run that is taken up: whether it may be, from where it goes on, and how to go on again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from graft.errors import DataError, ModelError, ResourceError, UserError
from graft.files import is_full
from graft.memory import out_of_memory, ran_out
from graft.progress import Progress
from graft.recipe import Recipe
from graft.runs.asked import Asked
from graft.runs.folder import RunFolder, default_folder, open_run_folder, resume_command
from graft.runs.preparation import Prepared
from graft.runs.result import timestamp
from graft.strategies import Phase
from graft.training.checkpoint import read_checkpoint
from graft.types import Json

# What the bytes of a result depend on, beside the recipe and the data.
PACKAGES = (
    "graft-learn", "torch", "torchvision", "timm", "transformers", "peft", "schedulefree",
    "numpy", "scipy", "scikit-learn", "pillow",
)  # fmt: skip


def identity(recipe: Recipe, prepared: Prepared) -> Json:
    """What a checkpoint belongs to: the recipe with every choice made, the data, the versions."""
    split = prepared.split
    digest = hashlib.sha256(prepared.examples.fingerprint().encode())
    for part in (split.train, split.validation, split.test):
        digest.update(part.tobytes())
    for one in prepared.digests:
        digest.update(one)
    return {
        "recipe": recipe.model_dump(),
        "data": digest.hexdigest(),
        "versions": {name: _version(name) for name in PACKAGES},
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def found_state(folder: RunFolder, mine: Json, say: Callable[[str], None]) -> Json | None:
    """The state to go on from; None where none was written, or none is whole.

    Args:
        folder: Of the run.
        mine: The identity of the run as it is now.
        say: Told of damage, and of what may change bytes.

    Raises:
        UserError: It belongs to another recipe, other data or other versions.
    """
    state, damaged = read_checkpoint(folder.checkpoints)
    for name in damaged:
        say(f"The checkpoint {name} is damaged and is not used.")
    if state is None:
        say("There is no checkpoint yet: the run begins again, with what the bank holds.")
        return None
    found = state["about"]["identity"]
    _refuse_other_recipe(folder.path, found["recipe"], mine["recipe"])
    if found["data"] != mine["data"]:
        raise DataError(
            f"The data set is not the one that the run in {folder.path} began with",
            allowed="the same rows, labels and files",
            next="put them back, or begin another run",
        )
    _refuse_other_versions(folder.path, found["versions"], mine["versions"])
    if found["processor"] != mine["processor"]:
        say(
            f"This processor ({mine['processor']}) is not the one that the run began on "
            f"({found['processor']}): the last bits may differ."
        )
    return state


def place_of(state: Json, phases: Sequence[Phase]) -> Json:
    """Where a run is taken up, as its result says.

    Args:
        state: What the checkpoint kept.
        phases: The phases of each stage.

    Returns:
        `stage` (from 1), `phase` (its name), the `epoch` under way and the optimizer `step` in it
        where the checkpoint was taken inside a phase, and `at`, the time.
    """
    number, inside = state["phase"], state["descent"]
    place = inside["place"] if inside else {}
    return {
        "stage": state["stage"] + 1,
        "phase": phases[number].name if number < len(phases) else "",
        "epoch": place.get("epoch"),
        "step": place.get("step"),
        "at": timestamp(),
    }


def _refuse_other_recipe(path: Path, found: Json, mine: Json) -> None:
    # What fits into memory is found while training, and stands in the checkpoint's own state.
    changed = [n for n in mine if found.get(n) != mine[n] and n != "micro_batch"]
    if changed:
        name = changed[0]
        raise UserError(
            f"recipe.yaml in {path} was changed: {name} is {mine[name]}, and the checkpoint was "
            f"written with {found.get(name)}",
            allowed="the recipe that the run began with",
            next="put it back, or begin another run with --recipe",
        )


def _refuse_other_versions(path: Path, found: Json, mine: Json) -> None:
    changed = [name for name in mine if found.get(name) != mine[name]]
    if changed:
        told = ", ".join(f"{name} {found.get(name)} (now {mine[name]})" for name in changed)
        raise ModelError(
            f"The run in {path} began with {told}",
            allowed="the same versions, since others compute other bytes",
            next="install them, or begin another run",
        )


@contextmanager
def begun(
    asked: Asked, out: Path | None, progress: Progress, *, again: bool
) -> Iterator[RunFolder]:
    """The folder of a run that begins or is taken up; it says how to go on when it stops.

    Args:
        asked: What the run is to do; written down where it begins.
        out: The folder; None takes `runs/<time>-<data>`.
        progress: Told how to go on.
        again: Whether the run in `out` is to be taken up.

    Raises:
        OutputError: The folder cannot be used.
        ResourceError: Memory or disk ran out.
    """
    path = out or default_folder(asked.recipe.data)
    with open_run_folder(path, again=again) as folder, told_how_to_go_on(folder, progress):
        if not again:
            asked.write(folder.path)
        yield folder


@contextmanager
def told_how_to_go_on(folder: RunFolder, progress: Progress) -> Iterator[None]:
    """Where the work stops for want of room or by Ctrl-C, say how to go on with it.

    Raises:
        ResourceError: Memory or disk ran out, with the command that goes on.
    """
    command = resume_command(folder.path)
    try:
        yield
    except KeyboardInterrupt:
        progress.say(f"Go on with: {command}")
        raise
    except ResourceError as problem:
        problem.next = f"{problem.next or 'make room'}; then go on with: {command}"
        raise
    except OSError as problem:
        if ran_out(problem):
            raise _no_memory(command) from problem
        if not is_full(problem):
            raise
        raise ResourceError(
            f"The disk is full ({problem.filename or problem.strerror})",
            allowed="room for the run folder and the bank",
            next=f"free some space; then go on with: {command}",
        ) from problem
    except (RuntimeError, ImportError, MemoryError) as problem:
        if not ran_out(problem):
            raise
        raise _no_memory(command) from problem


def _no_memory(command: str) -> ResourceError:
    return out_of_memory(
        "Memory ran out",
        advice=f"make room and go on with: {command}; or begin again with a smaller --batch-size, "
        "--size or --backbone",
    )
