"""Where the seconds of a run went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def parts(self) -> dict[str, float]:
        """Seconds by part, with `total`, so far."""
        return {"total": perf_counter() - self._begun, **self._parts}

    def add(self, parts: Mapping[str, float]) -> None:
        """Count what an earlier process took."""
        self._begun -= parts["total"]
        for name in self._parts:
            self._parts[name] += parts[name]

    def seconds(self) -> dict[str, float]:
        """Seconds by part, and `total` since the clock was made."""
        return {name: round(value, 3) for name, value in self.parts().items()}
