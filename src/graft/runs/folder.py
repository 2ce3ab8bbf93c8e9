"""The run folder: written from the start, finished only when `result.json` stands in it.

What an unfinished run goes on from is in `checkpoints/`, which goes when the run is finished.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from graft.backbones.json_file import read_object
from graft.errors import ModelError, OutputError
from graft.files import PARTIAL, in_one_step
from graft.recipe import Recipe
from graft.types import Json

RESULT, RECIPE, HISTORY = "result.json", "recipe.yaml", "history.jsonl"
REPORT = "report.html"
LOCK = ".lock"
CHECKPOINTS, ASKED = "checkpoints", "asked.json"
# What a killed process leaves of a model or a file that it was writing.
UNFINISHED = (".model-", PARTIAL)


@dataclass(slots=True)
class RunFolder:
    """The places inside a run folder.

    Attributes:
        path: The folder.
        again: Whether a run is taken up here.
        kept: Whether it stays after a failure: when the data are read and every choice is made.
        lock: The open file that shows whose the folder is.
    """

    path: Path
    again: bool = False
    kept: bool = False
    lock: int | None = None

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

    @property
    def checkpoints(self) -> Path:
        """What an unfinished run goes on from."""
        return self.path / CHECKPOINTS

    def require_in_place(self) -> None:
        """Refuse to write a second folder where this one stood.

        Raises:
            OutputError: It was moved or removed since the run began.
        """
        if self.lock is not None and not _is_file(self.lock, self.path / LOCK):
            raise OutputError(
                f"The run folder {self.path} was moved or removed while the run was writing it",
                allowed="a folder that stays in its place until the run is finished",
                next="go on where it stands now: graft fit --resume and its new place",
            )

    def note_recipe(self, recipe: Recipe) -> None:
        """Write `recipe.yaml` in one step, while a mistake may still be found."""
        self.require_in_place()
        in_one_step(self.path / RECIPE, recipe.to_yaml())

    def write_recipe(self, recipe: Recipe) -> None:
        """Write `recipe.yaml` in one step: from here on the folder stays."""
        self.note_recipe(recipe)
        self.kept = True

    def write_result(self, result: Json) -> None:
        """Write `result.json` in one step: its presence is what makes a run finished."""
        in_one_step(self.path / RESULT, json.dumps(result, indent=2, allow_nan=False))


def resume_command(path: Path) -> str:
    """What takes up the run in a folder."""
    return f"graft fit --resume {shlex.quote(str(path))}"


def is_finished(path: Path) -> bool:
    """Whether the run in a folder came to its end; a search has results before that."""
    if not (path / RESULT).is_file():
        return False
    if not (path / CHECKPOINTS / ASKED).exists():
        return True
    try:
        search = json.loads((path / RESULT).read_bytes()).get("search")
        return search is None or bool(search["finished"])
    except (OSError, ValueError, AttributeError, LookupError, TypeError, RecursionError):
        return False


def is_unfinished(path: Path) -> bool:
    """Whether a run stands in a folder that can be taken up."""
    begun = (path / RECIPE).is_file() or (path / CHECKPOINTS / ASKED).is_file()
    return begun and not is_finished(path)


def default_folder(data: str | None) -> Path:
    """`runs/<time>-<data>`, in the working directory."""
    stem = Path(data.rstrip("/")).stem if data else "data"
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem) or "data"
    base = Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{kept}"
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder


def require_unfinished(path: Path) -> None:
    """Refuse what cannot be taken up.

    Raises:
        OutputError: No run stands there, or a finished one.
    """
    if not is_unfinished(path):
        finished = is_finished(path)
        what = "is finished" if finished else "is no run that did not finish"
        lacking = finished and not (path / REPORT).exists()
        raise OutputError(
            f"{path} {what}",
            allowed="the folder of a run that was killed or stopped",
            next=f"graft report {shlex.quote(str(path))} writes the report that it lacks"
            if lacking
            else "give the folder that graft fit was writing",
        )


@contextmanager
def open_run_folder(path: Path, *, again: bool = False) -> Iterator[RunFolder]:
    """Create the folder, or take up the unfinished run in it, and lock it.

    When the block ends with a result, what a run goes on from is removed.

    Args:
        path: The folder.
        again: Whether a run is to be taken up; else nothing may stand there.

    Raises:
        OutputError: It cannot be written, it holds something else, a finished run or (or not, if
            `again`) an unfinished one stands in it, or another process is writing it.
    """
    if again:
        require_unfinished(path)
    else:
        _refuse_foreign(path)
    created = not path.exists()
    with _locked(path) as lock:
        if again:
            require_unfinished(path)  # once more: another process may have been here meanwhile
        else:
            _refuse_foreign(path)
            _refuse_unfinished(path)
        _sweep(path)
        folder = RunFolder(path, again, kept=again, lock=lock)
        with _left_in_order(folder, created):
            yield folder


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Create the folder, and be the only process in it; gives the open file that says so."""
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
        try:
            yield lock
        finally:
            with suppress(OSError):  # a folder that may no longer be written has told so already
                (path / LOCK).unlink(missing_ok=True)
    finally:
        os.close(lock)


@contextmanager
def _left_in_order(folder: RunFolder, created: bool) -> Iterator[None]:
    """Remove what is of no use any more.

    After a result that is what the run would go on from. After a mistake, such as a name that does
    not exist, it is everything; after Ctrl-C and where room ran out nothing is.
    """
    try:
        yield
    except BaseException as problem:
        begun = (folder.checkpoints / ASKED).exists()
        if not (folder.kept or (begun and isinstance(problem, (KeyboardInterrupt, MemoryError)))):
            _remove(folder.path, created)
        raise
    if is_finished(folder.path):
        shutil.rmtree(folder.checkpoints, ignore_errors=True)


def _remove(path: Path, created: bool) -> None:
    if created:
        shutil.rmtree(path, ignore_errors=True)
        return
    shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
    (path / RECIPE).unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what killed processes left half-written."""
    for entry in path.iterdir():
        if entry.name.startswith(UNFINISHED):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def read_result(path: Path) -> Json:
    """The result of a finished run.

    Raises:
        ModelError: No finished run stands there.
    """
    if not (path / RESULT).is_file():
        unfinished = is_unfinished(path)
        raise ModelError(
            f"The run in {path} did not finish" if unfinished else f"{path} is no run folder",
            allowed=f"a folder with {RESULT}",
            next=resume_command(path) if unfinished else "give the folder that graft fit printed",
        )
    try:
        return read_object(path / RESULT)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path / RESULT} cannot be read or holds no result: {error}",
            allowed=f"the {RESULT} that graft fit wrote",
            next="restore it, or run graft fit again",
        ) from error


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise _occupied(path, "is a file")
    names = {entry.name for entry in path.iterdir()} - {LOCK}
    if RESULT in names and is_finished(path):
        raise _occupied(path, "holds a finished run")
    if names and not is_unfinished(path):
        raise _occupied(path, "holds other files")


def _refuse_unfinished(path: Path) -> None:
    if is_unfinished(path):
        raise OutputError(
            f"The output folder {path} holds a run that did not finish",
            allowed="a folder that does not exist, or an empty one",
            next=f"go on with it: {resume_command(path)}; or choose another with --out, or remove "
            "it",
        )


def _occupied(path: Path, what: str) -> OutputError:
    return OutputError(
        f"The output folder {path} {what}",
        allowed="a folder that does not exist, or an empty one",
        next="choose another with --out, or remove it",
    )


def _take_lock(lock: int, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have removed the file: then the lock is on nothing.
        held = _is_file(lock, path / LOCK)
    except OSError:
        held = False
    if not held:
        raise OutputError(
            f"Another process is writing the run in {path}",
            allowed="one process per run folder",
            next="wait for it, or choose another folder with --out",
        )


def _is_file(opened: int, path: Path) -> bool:
    """Whether an open file is the one that stands at a path."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except OSError:
        return False
