"""A budget of seconds: read, watched, and kept also in the middle of a trial."""

from __future__ import annotations

import re
from time import perf_counter

from graft.errors import UserError
from graft.progress import Progress

SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_budget(text: str) -> float:
    """Seconds of `90s`, `10m` or `1.5h`.

    >>> parse_budget("10m"), parse_budget("1.5h")
    (600.0, 5400.0)

    Raises:
        UserError: It is no such text, or not positive.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if not found or not float(found[1]):
        raise UserError(
            f"The budget is '{text}'",
            allowed="a positive number of seconds, minutes or hours: 90s, 10m, 1h",
            next="change --budget",
        )
    return float(found[1]) * SECONDS[found[2]]


class BudgetSpentError(Exception):
    """The time is over in the middle of a trial. Never reaches the user."""


class Budget:
    """What is left of the time since the budget was made.

    Args:
        seconds: How long it lasts.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun = perf_counter()
        self.reserve = 0.0

    def spent(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._begun

    def left(self) -> float:
        """Seconds left for trials: what is reserved for the end is not among them."""
        return self.seconds - self.spent() - self.reserve


class Watched:
    """A `graft.progress.Progress` that ends a trial when the time is over.

    Args:
        listener: Told everything.
        budget: Looked at on every step.
    """

    def __init__(self, listener: Progress, budget: Budget) -> None:
        self._listener = listener
        self.budget = budget
        self._open: list[str] = []

    def start(self, task: str, total: int) -> None:
        """Pass it on."""
        self._open.append(task)
        self._listener.start(task, total)

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        """Pass it on, then look at the clock.

        Raises:
            BudgetSpentError: Nothing is left.
        """
        self._listener.advance(task, steps, note)
        if self.budget.left() <= 0:
            for name in self._open:
                self._listener.finish(name)
            self._open.clear()
            raise BudgetSpentError(task)

    def finish(self, task: str) -> None:
        """Pass it on."""
        if task in self._open:
            self._open.remove(task)
        self._listener.finish(task)

    def say(self, line: str) -> None:
        """Pass it on."""
        self._listener.say(line)
