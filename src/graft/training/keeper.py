"""When a checkpoint is written: so often that little is lost, so seldom that it costs little."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

from torch import Tensor

from graft.training.checkpoint import write_checkpoint
from graft.types import Json

# A checkpoint may cost one second in so many.
SHARE = 50
# Never more often than this: nobody minds losing so much.
SHORTEST = 2.0
# Before the first is written: what a slow disk takes.
BYTES_PER_SECOND, SECONDS_PER_CHECKPOINT = 1e8, 0.05

# What a person's terminal sends, and what schedulers of jobs, containers and machines send.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Keeper:
    """Writes the checkpoints of a run.

    Args:
        folder: Where to.
        say: Told when the user stops the run.
        every: Seconds between two; 0 writes one after every step, None takes 50 times what one
            costs.

    Attributes:
        about: Gives what every checkpoint keeps beside the state of training.
        written: How many there were.
        seconds: What they cost.
        taken_up: Where the run was taken up, each time.
    """

    def __init__(
        self, folder: Path, say: Callable[[str], None], every: float | None = None
    ) -> None:
        self.about: Callable[[], Json] = dict
        self.written, self.seconds = 0, 0.0
        self.taken_up: list[Json] = []
        self._folder = folder
        self._say = say
        self._every = every
        self._cost: float | None = None
        self._last = perf_counter()
        self._stop = Stop()

    def to_dict(self) -> Json:
        """The counts as JSON values."""
        seconds = round(self.seconds, 3)
        return {
            "written": self.written,
            "seconds": seconds,
            "resumed": len(self.taken_up),
            "taken_up": self.taken_up,
        }

    def resume(self, counts: Json, place: Json) -> None:
        """Count on from an earlier process, at a place."""
        self.written, self.seconds = counts["written"], counts["seconds"]
        self.taken_up = [*counts["taken_up"], place]

    def pause(self, state: Callable[[], Json], *, inside: bool) -> None:
        """Write a checkpoint if it is time to.

        Args:
            state: Gives the state of training.
            inside: Whether more steps follow at once.

        Raises:
            KeyboardInterrupt: The user asked to stop; a checkpoint is written.
            UserError: It cannot be written.
        """
        self._stop.patient = inside
        if self._stop.asked or self._due(state):
            self.write(state())
        if self._stop.asked:
            raise KeyboardInterrupt

    def write(self, state: Json) -> None:
        """Write a checkpoint now.

        Raises:
            UserError: It cannot be written.
        """
        begun = perf_counter()
        write_checkpoint(self._folder, {**state, "about": self.about()})
        self._last = perf_counter()
        self._cost = self._last - begun
        self.written, self.seconds = self.written + 1, self.seconds + self._cost

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block Ctrl-C or SIGTERM stops the run at its next step, twice at once."""
        with self._stop.listening(self._say):
            yield

    def _due(self, state: Callable[[], Json]) -> bool:
        passed = perf_counter() - self._last
        if self._every is not None:
            return passed >= self._every
        if passed < SHORTEST:
            return False
        if self._cost is None:
            self._cost = SECONDS_PER_CHECKPOINT + size_of(state()) / BYTES_PER_SECOND
        return passed >= SHARE * self._cost


def size_of(value: Any) -> int:
    """Bytes of all tensors in a nested value."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    return sum(map(size_of, value)) if isinstance(value, (list, tuple)) else 0


class Stop:
    """Whether the user asked to stop.

    Attributes:
        asked: Ctrl-C was pressed or SIGTERM came, and is to be heeded at the next step.
        patient: Whether a next step comes soon; else either stops at once.
    """

    def __init__(self) -> None:
        self.asked = False
        self.patient = False

    @contextmanager
    def listening(self, say: Callable[[str], None]) -> Iterator[None]:
        """Take both signals inside the block, in the main thread; elsewhere nothing is taken."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heed(_number: int, _frame: FrameType | None) -> None:
            if self.asked or not self.patient:
                raise KeyboardInterrupt
            self.asked = True
            say("Stopping after this step. Ctrl-C once more stops at once.")

        before = {number: signal.signal(number, heed) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
