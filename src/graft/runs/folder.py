"""The run folder: written from the start, finished only when `result.json` stands in it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graft.errors import ModelError, OutputError
from graft.recipe import Recipe
from graft.types import Json

RESULT, RECIPE, HISTORY = "result.json", "recipe.yaml", "history.jsonl"
PARTIAL, LOCK = f".{RESULT}.partial", ".lock"
OWN_NAMES = frozenset(
    {RESULT, PARTIAL, RECIPE, HISTORY, "report.html", "model", "checkpoints", "pictures"}
)
# What a killed process leaves of a model that it was saving.
UNFINISHED_MODEL = ".model-"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places inside a run folder."""

    path: Path

    @property
    def history(self) -> Path:
        """One JSON row per epoch."""
        return self.path / HISTORY

    @property
    def model(self) -> Path:
        """The saved model."""
        return self.path / "model"

    @property
    def pictures(self) -> Path:
        """Small pictures for the report."""
        return self.path / "pictures"

    def write_recipe(self, recipe: Recipe) -> None:
        """Write `recipe.yaml`."""
        recipe.write(self.path / RECIPE)

    def write_result(self, result: Json) -> None:
        """Write `result.json` in one step: its presence is what makes a run finished."""
        temporary = self.path / PARTIAL
        temporary.write_text(json.dumps(result, indent=2, allow_nan=False), encoding="utf-8")
        temporary.replace(self.path / RESULT)


def default_folder(data: str | None) -> Path:
    """`runs/<time>-<data>`, in the working directory."""
    stem = Path(data.rstrip("/")).stem if data else "data"
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem) or "data"
    base = Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{kept}"
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder


@contextmanager
def open_run_folder(path: Path) -> Iterator[RunFolder]:
    """Create the folder, or clear what a run that did not finish left in it, and lock it.

    Raises:
        OutputError: It cannot be written, it holds something else, a finished run stands in it,
            or another process is writing it.
    """
    _refuse_foreign(path)
    created = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as problem:
        raise OutputError(
            f"The output folder {path} cannot be written ({problem.strerror})",
            allowed="a folder that you may write to",
            next="choose another with --out",
        ) from problem
    try:
        _take_lock(lock, path)
        with _removed_if_empty_handed(path, created):
            _refuse_foreign(path)  # once more: another process may have finished here meanwhile
            _clear(path)
            yield RunFolder(path)
    finally:
        os.close(lock)


@contextmanager
def _removed_if_empty_handed(path: Path, created: bool) -> Iterator[None]:
    """Remove the lock, and after a failure before the recipe was written the folder too."""
    try:
        yield
    except BaseException:
        if created and not (path / RECIPE).exists():
            shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        (path / LOCK).unlink(missing_ok=True)


def read_result(path: Path) -> Json:
    """The result of a finished run.

    Raises:
        ModelError: No finished run stands there.
    """
    if not (path / RESULT).is_file():
        unfinished = (path / RECIPE).is_file()
        raise ModelError(
            f"The run in {path} did not finish" if unfinished else f"{path} is no run folder",
            allowed=f"a folder with {RESULT}",
            next="run graft fit again" if unfinished else "give the folder that graft fit printed",
        )
    try:
        result = json.loads((path / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        result = None
    if not isinstance(result, dict):
        raise ModelError(
            f"{path / RESULT} cannot be read or holds no result",
            allowed=f"the {RESULT} that graft fit wrote",
            next="restore it, or run graft fit again",
        )
    return result


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise _occupied(path, "is a file")
    names = {entry.name for entry in path.iterdir()} - {LOCK}
    if RESULT in names:
        raise _occupied(path, "holds a finished run")
    foreign = {name for name in names - OWN_NAMES if not name.startswith(UNFINISHED_MODEL)}
    if foreign or (names and RECIPE not in names):
        raise _occupied(path, "holds other files")


def _occupied(path: Path, what: str) -> OutputError:
    return OutputError(
        f"The output folder {path} {what}",
        allowed="a folder that does not exist, an empty one, or a run that did not finish",
        next="choose another with --out, or remove it",
    )


def _take_lock(lock: int, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have removed the file: then the lock is on nothing.
        held = os.path.samestat(os.fstat(lock), (path / LOCK).stat())
    except OSError:
        held = False
    if not held:
        raise OutputError(
            f"Another process is writing the run in {path}",
            allowed="one process per run folder",
            next="wait for it, or choose another folder with --out",
        )


def _clear(path: Path) -> None:
    # The recipe last: by it the rest is known as a run's, should this be interrupted.
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name == RECIPE):
        if entry.name == LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
