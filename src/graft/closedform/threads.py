"""One thread where more only wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TypeVar

Piece = TypeVar("Piece")
Found = TypeVar("Found")


class Spread(Protocol):
    """Calls a function on every piece; the results come in the pieces' order."""

    def __call__(
        self, function: Callable[[Piece], Found], pieces: Iterable[Piece], /
    ) -> Iterable[Found]:
        """As `map`."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run BLAS and LAPACK on one thread inside the block.

    Eigendecompositions and products with a thin matrix are bound by memory, and their threads meet
    at thousands of barriers: with another busy process on the machine a second thread makes them
    several times slower, alone it gains little. One thread also gives the same bytes for every
    number of cores.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def workers(pieces: int) -> Iterator[Spread]:
    """Inside the block, map over some pieces on as many threads as BLAS may have.

    For blocks of rows, each with `one_blas_thread`: whoever adds them up in their order gets the
    same bytes for every number of threads.
    """
    threads = min(pieces, max([1, *(lib["num_threads"] for lib in _libraries().info())]))
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map


@cache
def _libraries() -> Any:
    """The BLAS libraries that NumPy and SciPy loaded; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
