"""95 % intervals: the percentile bootstrap over rows or whole groups, all resamples at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from graft.closedform.linear import Float64Array
from graft.errors import DataError, unknown_name
from graft.evaluation.sums import FIGURES, Sums, as_sums, check, indicators, plain_sums
from graft.types import FloatArray, IntArray, Interval

LOW, HIGH = 2.5, 97.5
"""Percentiles of a 95 % interval."""
Z = 1.959963984540054
"""The normal quantile that goes with it."""
DRAWS_PER_BLOCK = 2**22
"""Draws held at a time (32 MiB each of indices and counts)."""
MOST_KEPT = 2**25
"""Counts that are kept for the next model on the same rows (64 MiB)."""


def bootstrap(
    probabilities: FloatArray,
    targets: IntArray,
    *,
    groups: IntArray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every metric with its 95 % percentile bootstrap interval.

    Efron and Tibshirani 1993, chapter 13. Rows are drawn with replacement, or whole groups where
    `groups` is given (rows of one patient or author are not independent). The interval is widened
    to hold the value where it does not, which happens to calibration error, biased upwards by
    resampling. Where every resample gives the same accuracy, balanced accuracy or F1 (all right
    or all wrong) the bootstrap knows no doubt; then Wilson's score interval takes its place (1927),
    with the number of rows or groups for accuracy and, for the two class means, that number
    reduced for imbalance (`effective_number`).

    Args:
        probabilities: (N, C).
        targets: (N,) class indices.
        groups: (N,) group numbers.
        resamples: Number of resamples.
        seed: Same seed, same intervals.

    Raises:
        DataError: As `graft.evaluation.sums.check` says, or groups of another length.

    >>> perfect = np.eye(2)[[0, 1] * 10]
    >>> found = bootstrap(perfect, np.array([0, 1] * 10))["accuracy"]
    >>> found.value, round(found.low, 3), found.high
    (1.0, 0.839, 1.0)
    """
    whole = plain_sums(probabilities, targets)
    drawn = resampled_sums(probabilities, targets, groups, resamples, seed)
    share = number_of_units(targets, groups) / len(targets)
    support = whole.support[0]
    numbers = {
        "accuracy": len(targets) * share,
        "balanced_accuracy": effective_number(support) * share,
        "macro_f1": effective_number(support) * share,
    }
    return {
        name: interval(figure(whole)[0], figure(drawn), numbers.get(name))
        for name, figure in FIGURES.items()
    }


def paired_difference(
    first: FloatArray,
    second: FloatArray,
    targets: IntArray,
    metric: str = "accuracy",
    groups: IntArray | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """How much a metric of the first model exceeds that of the second, on the same rows.

    Both models are scored on the same resamples, so what is hard for both cancels out.

    Args:
        first: (N, C) probabilities of one model.
        second: (N, C) probabilities of the other.
        targets: (N,) class indices.
        metric: A name in `graft.evaluation.METRICS`.
        groups: (N,) group numbers; whole groups are drawn.
        resamples: Number of resamples.
        seed: Same seed, same interval.

    Raises:
        DataError: As for `bootstrap`.
        UnknownNameError: There is no such metric.
    """
    if metric not in FIGURES:
        raise unknown_name("metric", metric, FIGURES)
    figure = FIGURES[metric]
    value = figure(plain_sums(first, targets))[0] - figure(plain_sums(second, targets))[0]
    drawn = [
        figure(resampled_sums(model, targets, groups, resamples, seed)) for model in (first, second)
    ]
    return interval(value, drawn[0] - drawn[1], None)


def interval(value: float, drawn: Float64Array, number: float | None) -> Interval:
    """The percentile interval of resampled figures (R,), widened to hold the value.

    Args:
        value: The figure itself.
        drawn: (R,) its resamples; NaN where it was undefined.
        number: For a proportion, the sample size behind it: Wilson's interval is used where the
            resamples do not vary.
    """
    low, high = np.nanpercentile(drawn, [LOW, HIGH])
    if number is not None and high - low < 1e-12:
        low, high = wilson(value, number)
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))


def wilson(share: float, number: float) -> tuple[float, float]:
    """Wilson's 95 % score interval for a proportion.

    >>> tuple(round(end, 4) for end in wilson(0.0, 10))
    (0.0, 0.2775)
    """
    spread = Z * np.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    centre = share + Z**2 / (2 * number)
    scale = 1 + Z**2 / number
    return max(float((centre - spread) / scale), 0.0), min(float((centre + spread) / scale), 1.0)


def effective_number(support: Float64Array) -> float:
    """The sample size whose proportion varies as much as the mean of the class recalls.

    `P^2 / sum_c 1/n_c` over the P classes that occur: the variance of a mean of P proportions.

    >>> effective_number(np.array([50.0, 50.0])), round(effective_number(np.array([99.0, 1.0])), 2)
    (100.0, 3.96)
    """
    occurring = support[support > 0]
    return float(len(occurring) ** 2 / (1 / occurring).sum())


def number_of_units(targets: IntArray, groups: IntArray | None) -> int:
    """How many independent rows or groups there are."""
    return len(targets) if groups is None else len(np.unique(groups))


def resampled_sums(
    probabilities: FloatArray,
    targets: IntArray,
    groups: IntArray | None,
    resamples: int,
    seed: int,
) -> Sums:
    """The sums of every resample, R = resamples. The draws depend on seed and units alone.

    Raises:
        DataError: As for `bootstrap`.
    """
    check(probabilities, targets)
    matrix = indicators(probabilities, targets)
    if groups is not None:
        if groups.shape != targets.shape:
            raise DataError(f"There are {len(groups)} groups for {len(targets)} rows")
        _, unit = np.unique(groups, return_inverse=True)
        places = (np.arange(len(targets)), unit)
        matrix = matrix @ sparse.csr_array((np.ones(len(targets)), places))
    blocks = [(matrix @ counts.T).T for counts in draws(matrix.shape[1], resamples, seed)]
    return as_sums(np.concatenate(blocks).T, probabilities.shape[1])


def draws(units: int, resamples: int, seed: int) -> Iterator[Float64Array]:
    """How often each unit is drawn: blocks (r, units) that add up to all resamples."""
    kept = units * resamples <= MOST_KEPT
    blocks = _kept(units, resamples, seed) if kept else _blocks(units, resamples, seed)
    for counts in blocks:
        yield counts.astype(np.float64)


# A run draws the same resamples for its model and for every baseline.
@lru_cache(maxsize=2)
def _kept(units: int, resamples: int, seed: int) -> tuple[npt.NDArray[np.uint16], ...]:
    return tuple(_blocks(units, resamples, seed))


def _blocks(units: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    random = np.random.default_rng(seed)
    step = max(1, DRAWS_PER_BLOCK // units)
    for at in range(0, resamples, step):
        size = min(step, resamples - at)
        cells = random.integers(0, units, size=(size, units)) + units * np.arange(size)[:, None]
        counts = np.bincount(cells.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.uint16)
