"""One thread where more only wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


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


@cache
def _libraries() -> Any:
    """The BLAS libraries that NumPy and SciPy loaded; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
