"""What the command line prints: JSON and results on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from graft.types import Json


def print_json(value: Json) -> None:
    """Exactly one JSON object on standard output."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")
    sys.stdout.flush()


def output() -> Console:
    """Results for a reader, on standard output."""
    return Console(highlight=False, soft_wrap=True)


def messages() -> Console:
    """Everything else, on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class Bars:
    """A `graft.progress.Progress` that draws bars on standard error."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def start(self, task: str, total: int) -> None:
        """Add a bar; work without steps gets none."""
        if total:
            self._bars.start()  # not before: an empty display prints an empty line
            self._tasks[task] = self._bars.add_task(task, total=total, note="")

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        """Move the bar."""
        if task in self._tasks:
            self._bars.update(self._tasks[task], advance=steps, note=note)

    def finish(self, task: str) -> None:
        """Stop the bar's clock where it stands."""
        if task in self._tasks:
            self._bars.stop_task(self._tasks.pop(task))

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(line, highlight=False)
