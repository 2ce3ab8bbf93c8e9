"""Silence around Pillow that several threads can share."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image


class _SharedFilters:
    """Warning filters that stand as long as at least one thread needs them.

    The filters of `warnings` are one set per process: where two threads save and restore
    them in turn, the second puts back what the first had changed. Here the first thread in
    makes the change and the last one out undoes it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._filters = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
                warnings.simplefilter("error", Image.DecompressionBombWarning)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._filters.__exit__(None, None, None)


_FILTERS = _SharedFilters()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silences Pillow's warnings, except the one on oversized pictures, which is raised."""
    _FILTERS.enter()
    try:
        yield
    finally:
        _FILTERS.leave()
