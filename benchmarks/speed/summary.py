"""From measured rows to ratios: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One run of one variant.

    Attributes:
        variant: Its name in the tables.
        repeat: Which round it belongs to; ratios are taken within a round.
        values: Measured quantities by name (`seconds`, `rate`, `accuracy` ...).
        foreign: Processors that others used meanwhile.
        disturbed: Whether that was too much.
        note: What the run did, and what was estimated.
    """

    variant: str
    repeat: int
    values: Mapping[str, float]
    foreign: float
    disturbed: bool
    note: str


@dataclass(frozen=True)
class Term:
    """A quantity of the best of some variants."""

    quantity: str
    variants: tuple[str, ...]
    best: Literal["least", "most"] = "least"


@dataclass(frozen=True)
class Figure:
    """A figure to reach: `over` divided by `under`, or `over` alone.

    Attributes:
        text: What it says.
        over: Numerator.
        under: Denominator, or None.
        asked: The number to reach.
        at_least: Whether more is better.
    """

    text: str
    over: Term
    under: Term | None
    asked: float
    at_least: bool = True


@dataclass(frozen=True)
class Measured:
    """A figure as it was measured.

    Attributes:
        value: Median over the rounds.
        low: Smallest.
        high: Largest.
        rounds: How many rounds count.
        disturbed: Whether no round was undisturbed, so that disturbed ones had to be taken.
        reached: Whether the median is on the right side.
    """

    value: float
    low: float
    high: float
    rounds: int
    disturbed: bool
    reached: bool


def estimated_seconds(seconds: float, epochs: Sequence[float], wanted: int) -> float:
    """The seconds of a run of `wanted` epochs, from one that was cut short.

    Each missing epoch counts as the median of the epochs after the first, which often holds
    one-time costs; with a single epoch, as that one.

    >>> estimated_seconds(20.0, [9.0, 4.0, 4.0], 5)
    28.0
    """
    if wanted <= len(epochs) or not epochs:
        return seconds
    return seconds + (wanted - len(epochs)) * median(epochs[1:] or epochs)


def measure(figure: Figure, rows: Sequence[Row]) -> Measured | None:
    """The figure over all rounds that hold both sides; None where no round does.

    Rounds in which a run was disturbed count only where there is no other.
    """
    found = [
        (value, bad)
        for number in sorted({row.repeat for row in rows})
        for value, bad in _in_round(figure, [row for row in rows if row.repeat == number])
    ]
    if not found:
        return None
    clean = [value for value, bad in found if not bad]
    values = clean or [value for value, _ in found]
    middle = median(values)
    reached = middle >= figure.asked if figure.at_least else middle <= figure.asked
    return Measured(middle, min(values), max(values), len(values), not clean, reached)


def _in_round(figure: Figure, rows: Sequence[Row]) -> list[tuple[float, bool]]:
    over = _best(figure.over, rows)
    if over is None:
        return []
    if figure.under is None:
        return [(over[0], over[1])]
    under = _best(figure.under, rows)
    return [] if under is None else [(over[0] / under[0], over[1] or under[1])]


def _best(term: Term, rows: Sequence[Row]) -> tuple[float, bool] | None:
    found = [
        (row.values[term.quantity], row.disturbed)
        for row in rows
        if row.variant in term.variants and term.quantity in row.values
    ]
    if not found:
        return None
    choose = min if term.best == "least" else max
    return choose(found, key=lambda pair: pair[0])


def medians(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Median of every quantity by variant, in the order in which variants first ran.

    Undisturbed runs where there are any.
    """
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(row.variant for row in rows):
        of_variant = [row for row in rows if row.variant == name]
        counted = [row for row in of_variant if not row.disturbed] or of_variant
        quantities = dict.fromkeys(key for row in counted for key in row.values)
        found[name] = {
            key: median([row.values[key] for row in counted if key in row.values])
            for key in quantities
        }
    return found
