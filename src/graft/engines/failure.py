"""Why an engine is not used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graft.memory import ran_out


class EngineFailed(Exception):  # noqa: N818
    """This engine cannot run this prefix, or answers differently: take the next one.

    Never reaches the user as an error; a run says it as a warning.
    """

    def __init__(self, reason: str, cause: BaseException | None = None) -> None:
        detail = f" ({type(cause).__name__})" if cause is not None else ""
        super().__init__(f"{reason}{detail}")


class OutOfMemory(Exception):  # noqa: N818
    """A batch did not fit into memory: halve it. Reaches the user only at one row a batch."""


@contextmanager
def memory_watched() -> Iterator[None]:
    """Turn every library's way of saying that memory ran out into `OutOfMemory`.

    >>> with memory_watched():
    ...     raise MemoryError
    Traceback (most recent call last):
    graft.engines.failure.OutOfMemory
    """
    try:
        yield
    except Exception as problem:
        if ran_out(problem):
            raise OutOfMemory from problem
        raise
