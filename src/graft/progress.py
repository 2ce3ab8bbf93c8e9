"""How long work tells where it stands, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. The command line draws bars; a library call stays silent."""

    def start(self, task: str, total: int) -> None:
        """A piece of work begins; `total` counts its steps."""

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        """Some steps are done; `note` is the latest figure worth seeing."""

    def finish(self, task: str) -> None:
        """The piece of work is over."""

    def say(self, line: str) -> None:
        """One line for the reader."""


class Silent:
    """Listens and says nothing."""

    def start(self, task: str, total: int) -> None:
        """Nothing."""

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        """Nothing."""

    def finish(self, task: str) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""
