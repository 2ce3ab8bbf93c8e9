"""Where the seconds of a run went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

PARTS = ("load", "prefix", "train", "evaluate")


class Clock:
    """Adds up seconds by part of the run.

    >>> clock = Clock()
    >>> with clock.part("load"):
    ...     pass
    >>> sorted(clock.seconds())
    ['evaluate', 'load', 'prefix', 'total', 'train']
    """

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._parts = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time inside the block to a part."""
        begun = perf_counter()
        try:
            yield
        finally:
            self._parts[name] += perf_counter() - begun

    def seconds(self) -> dict[str, float]:
        """Seconds by part, and `total` since the clock was made."""
        total = perf_counter() - self._begun
        return {name: round(value, 3) for name, value in {"total": total, **self._parts}.items()}
