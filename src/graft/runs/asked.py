"""What a run was asked to do, written down before anything costs, so that it can be taken up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from graft.errors import DataError, ModelError, OutputError, UserError
from graft.files import in_one_step, plain
from graft.recipe import Recipe, make_recipe, read_recipe
from graft.runs.folder import ASKED, CHECKPOINTS, RECIPE, require_unfinished, resume_command
from graft.types import Json


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked to do.

    Attributes:
        recipe: The choices that were made then.
        compare: Whether the result is set beside random weights and frozen features.
        budget: Seconds of a search; None for a single run.
        backbones: The candidates of a search; None for those that need no network.
        place: The working directory, from which relative paths go.
    """

    recipe: Recipe
    compare: bool = False
    budget: float | None = None
    backbones: tuple[str, ...] | None = None
    place: str = ""

    def write(self, run: Path) -> None:
        """Write it into the run folder.

        Raises:
            OSError: The folder cannot be written.
        """
        fields = {**asdict(self), "recipe": self.recipe.model_dump(), "place": str(Path.cwd())}
        (run / CHECKPOINTS).mkdir(exist_ok=True)
        in_one_step(run / CHECKPOINTS / ASKED, json.dumps(fields, indent=2))


def read_asked(run: Path) -> Asked:
    """What the run in a folder was asked to do.

    Raises:
        ModelError: What stands there cannot be read.
    """
    path = run / CHECKPOINTS / ASKED
    if not path.exists():  # of a run that an earlier release began
        return Asked(read_recipe(run / RECIPE, {}))
    try:
        fields = json.loads(plain(path).read_bytes())
        recipe = make_recipe(fields.pop("recipe"))
        named = fields.pop("backbones")
        return Asked(recipe, backbones=None if named is None else tuple(named), **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise ModelError(
            f"{path} cannot be read ({type(problem).__name__})",
            allowed="the file that graft fit wrote",
            next="begin the run again in another folder",
        ) from problem


def asked_again(
    run: Path, data: object, given: Json, *, budget: float | None, compare: bool
) -> Asked:
    """What the run in a folder was asked to do, after a look at what is asked of it now.

    Args:
        run: The folder.
        data: The data set as it is named now; None for the same.
        given: The settings that are given now.
        budget: Seconds of a search that are given now.
        compare: Whether a comparison is asked for now.

    Raises:
        UserError: What is given contradicts what the run began with, or its data set is not here.
    """
    require_unfinished(run)
    asked = read_asked(run)
    resolved = asked.recipe
    if asked.budget is None and (run / RECIPE).exists():  # that of a search is the best so far
        resolved = read_recipe(run / RECIPE, {})
    for name, value in given.items():
        first, chosen = getattr(asked.recipe, name), getattr(resolved, name)
        if value not in (first, chosen):
            raise _contradiction(run, name, value, chosen)
    if compare and not asked.compare:
        raise _contradiction(run, "compare", True, False)
    if budget is not None and budget != asked.budget:
        raise _contradiction(run, "budget", budget, asked.budget)
    if isinstance(data, (str, Path)) and not _is_same(str(data), asked):
        raise _contradiction(run, "data", data, asked.recipe.data)
    _find_data(run, asked, data)
    return replace(asked, recipe=resolved)


def _contradiction(run: Path, name: str, value: object, before: object) -> UserError:
    return UserError(
        f"The run in {run} began with {name} {before}, and now {name} is {value}",
        allowed="the settings that the run began with, which need not be given again",
        next=f"leave the setting away: {resume_command(run)}; or begin another run",
    )


def _is_same(data: str, asked: Asked) -> bool:
    before = asked.recipe.data
    if before is None or data == before:
        return data == before
    return Path(data).resolve() == Path(asked.place, before).resolve()


def _find_data(run: Path, asked: Asked, data: object) -> None:
    named = asked.recipe.data
    if data is not None or named is None or Path(named).exists() or not asked.place:
        return
    if Path(asked.place, named).exists():
        raise DataError(
            f"The data set {named} is not here: the run was begun in {asked.place}",
            allowed="the working directory that the run began in",
            next=f"cd {asked.place}, then {resume_command(run)}",
        )


def refuse_other_folder(run: Path, out: str | Path | None, recipe: object) -> None:
    """Refuse options that say where and what to run, where the folder says both.

    Raises:
        UserError: There is one.
    """
    if recipe is not None:
        raise UserError(
            f"A recipe is given, and the run in {run} has one of its own",
            next=f"leave the recipe away: {resume_command(run)}",
        )
    if out is not None and Path(out).resolve() != run.resolve():
        raise OutputError(
            f"The run in {run} goes on there, and {out} is given as its folder",
            next=f"leave the folder away: {resume_command(run)}",
        )
