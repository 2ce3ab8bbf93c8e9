"""Work done ahead by threads: results in order, and few of them waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, waiting: int
) -> Iterator[Result]:
    """Like `map`, computed by threads while the caller works on earlier results.

    Args:
        function: What is done to each item.
        items: Taken one by one, never far ahead.
        workers: Threads; 0 computes in the calling thread.
        waiting: The most results, finished or in the making, that are held at a time.

    >>> list(map_ahead(str.upper, "abc", workers=2, waiting=2))
    ['A', 'B', 'C']
    """
    if workers < 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="graft-ahead")
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= waiting:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux
