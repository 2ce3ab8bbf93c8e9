"""Bootstrap for figures that are functions of rows and weights, rather than of sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from graft.closedform.linear import Float64Array
from graft.errors import DataError
from graft.evaluation.intervals import draws, interval, number_of_units
from graft.types import IntArray, Interval

RESAMPLES = 1000
FEWEST_RESAMPLES = 200
AFFORDABLE = 3e8
"""Cells of work up to which all resamples are drawn; below it their number shrinks."""

Figures = dict[str, Float64Array]
Measure = Callable[[Float64Array], Figures]
"""Weights (R, N) of rows to figures (R,) by name; NaN where one is undefined."""


def resamples_for(rows: int, columns: int) -> int:
    """How many resamples are drawn of so many rows and columns."""
    return int(min(RESAMPLES, max(FEWEST_RESAMPLES, AFFORDABLE / max(1, rows * columns))))


def row_weights(
    rows: int, groups: IntArray | None, resamples: int, seed: int
) -> Iterator[Float64Array]:
    """How often each row is drawn: blocks (r, N) that add up to all resamples.

    Whole groups are drawn where `groups` (N,) is given.

    Raises:
        DataError: Groups of another length.
    """
    if groups is None:
        yield from draws(rows, resamples, seed)
        return
    if len(groups) != rows:
        raise DataError(f"There are {len(groups)} groups for {rows} rows")
    _, unit = np.unique(groups, return_inverse=True)
    for counts in draws(int(unit.max()) + 1, resamples, seed):
        yield counts[:, unit]


def bootstrap_of(
    measure: Measure,
    rows: int,
    groups: IntArray | None,
    *,
    resamples: int,
    seed: int,
    numbers: Mapping[str, float],
) -> dict[str, Interval]:
    """Every figure with its 95 % percentile bootstrap interval; undefined ones are left out.

    Args:
        measure: The figures for given weights.
        rows: N.
        groups: (N,) group numbers; whole groups are drawn.
        resamples: Number of resamples.
        seed: Same seed, same intervals.
        numbers: Figures that are proportions, with the rows behind them (see `interval`).
    """
    whole = measure(np.ones((1, rows)))
    blocks = [measure(weights) for weights in row_weights(rows, groups, resamples, seed)]
    share = number_of_units(np.zeros(rows, np.int64), groups) / rows
    return {
        name: interval(
            value[0],
            np.concatenate([block[name] for block in blocks]),
            numbers[name] * share if name in numbers else None,
        )
        for name, value in whole.items()
        if np.isfinite(value[0])
    }


def difference_of(
    first: Measure,
    second: Measure,
    name: str,
    rows: int,
    groups: IntArray | None,
    *,
    resamples: int,
    seed: int,
) -> Interval | None:
    """How much a figure of the first exceeds the second's, on the same resamples.

    None where it is undefined for either.
    """
    one = np.ones((1, rows))
    value = float(first(one)[name][0] - second(one)[name][0])
    if not np.isfinite(value):
        return None
    drawn = [
        first(weights)[name] - second(weights)[name]
        for weights in row_weights(rows, groups, resamples, seed)
    ]
    return interval(value, np.concatenate(drawn), None)
