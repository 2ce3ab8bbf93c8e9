"""A run folder gets its `report.html`, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from graft.errors import DataError, OutputError
from graft.files import plain
from graft.report.html import render_html
from graft.report.reading import part
from graft.report.summarize import summarize
from graft.types import Json


def write_report(run: Path) -> Path:
    """Writes `report.html` from `result.json`, `history.jsonl` and `pictures/*.png`.

    Args:
        run: A run folder; the history and the pictures may be missing.

    Returns:
        The path of the report.

    Raises:
        DataError: Where there is no readable `result.json`, or a broken line in the history.
        OutputError: Where the report cannot be written; an old report is left as it was.
    """
    result = _read_result(run / "result.json")
    history = _read_history(run / "history.jsonl")
    pictures = {f"pictures/{file.name}": file.read_bytes() for file in _pictures(run)}
    page = render_html(summarize({"run": _shown(run), **result}, history, pictures))
    target = run / "report.html"
    _write_whole(target, page.encode("utf-8"))
    return target


def _shown(run: Path) -> str:
    # A relative path can be pasted into a shell; an absolute one would tell of the machine.
    return run.name if run.is_absolute() else run.as_posix()


def _pictures(run: Path) -> list[Path]:
    return sorted((run / "pictures").glob("*.png"))


def _read_result(path: Path) -> Json:
    allowed = "the folder of a finished run, as `graft fit` writes it"
    try:
        result = json.loads(plain(path).read_text(encoding="utf-8"))
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}"
        raise DataError(found, allowed=allowed, next="name the run's folder") from error
    except (ValueError, RecursionError) as error:
        found = f"{path} is not JSON: {error}"
        raise DataError(found, allowed=allowed, next="run `graft fit` again") from error
    if not isinstance(result, dict):
        found = f"{path} holds a {type(result).__name__}, not an object"
        raise DataError(found, allowed=allowed, next="run `graft fit` again")
    return part({"result": result}, "result")


def _read_history(path: Path) -> list[Json]:
    if not path.exists():
        return []
    rows: list[Json] = []
    try:
        lines = plain(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}",
            allowed="a history as `graft fit` writes it",
            next=f"remove {path.name}: the report does without",
        ) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            rows.append(_row(path, number, line))
    return rows


def _row(path: Path, number: int, line: str) -> Json:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError(
            f"Line {number} of {path} is not a JSON object",
            allowed="one object per line and epoch",
            next="delete that line, then write the report again",
        )
    return row


def _write_whole(target: Path, data: bytes) -> None:
    """Writes beside the target and renames: no reader ever sees half a file."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _cannot_write(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{target} cannot be written: {error.strerror}",
        allowed="a run folder that you may write to, on a disk with room",
        next="free space or change the folder's permissions, then run `graft report` again",
    )
