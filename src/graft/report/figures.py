"""The charts. Each takes the plain data of its block and returns inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from graft.report.svg import ACCENT, GRID, INK, MUTED, ON_ACCENT, SECOND, Margins, draw
from graft.report.words import decimal, percent, shorten
from graft.types import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.4  # inches: two charts side by side on a desktop, one on a phone
COUNTED_CLASSES = 30  # up to here every cell of the confusion matrix carries its count
_LEVELS = 12  # shades of the confusion matrix; one path each keeps 100 classes light


def curve(data: Json, alt: str) -> str:
    """Lines over epochs, the best epoch marked.

    Args:
        data: `quantity`, `in_percent`, `epochs` (E,), `best` (an epoch or None) and `series`,
            each with `name` and `values` (E,), None where nothing was measured.
        alt: The chart in words.
    """
    from matplotlib.ticker import MaxNLocator

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for line in data["series"]:
            _line(axes, data["epochs"], line)
        _mark_best(axes, data)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        if data["in_percent"]:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
        axes.margins(x=0.04, y=0.12)

    return draw((WIDTH, 2.5), Margins(left=0.55, bottom=0.45, top=0.3), paint, alt)


def _line(axes: Axes, epochs: Sequence[int], line: Json) -> None:
    pairs = zip(epochs, line["values"], strict=True)
    known = [(epoch, value) for epoch, value in pairs if value is not None]
    training = line["name"] == "train"
    axes.plot(
        [epoch for epoch, _ in known],
        [value for _, value in known],
        color=SECOND if training else ACCENT,
        dashes=(4, 2) if training else (),
        marker="o" if len(known) <= 25 else "",
        markersize=3.4,
        label=line["name"],
    )


def _mark_best(axes: Axes, data: Json) -> None:
    best = data["best"]
    if best is None or best not in data["epochs"]:
        return
    axes.axvline(best, color=MUTED, linewidth=0.9, dashes=(2, 2), label=f"best: epoch {best}")


def depth(data: Json, alt: str) -> str:
    """Accuracy by depth as a line in its band, chance below, the recommended depth marked.

    Args:
        data: `depths`, `values`, `lows`, `highs` (B,), `chance`, `recommended` (a depth), and
            whether values are shown `in_percent`.
        alt: The chart in words.
    """
    from matplotlib.ticker import MaxNLocator

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.fill_between(
            data["depths"], data["lows"], data["highs"], color=ACCENT, alpha=0.18, linewidth=0
        )
        marker = "o" if len(data["depths"]) <= 25 else ""
        axes.plot(data["depths"], data["values"], color=ACCENT, marker=marker, markersize=3.4)
        axes.axhline(data["chance"], color=MUTED, linewidth=0.9, dashes=(2, 2))
        axes.axvline(data["recommended"], color=SECOND, linewidth=0.9, dashes=(4, 2))
        axes.set_xlabel("blocks passed")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        if data["in_percent"]:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
        axes.margins(x=0.04, y=0.1)

    return draw((WIDTH, 2.4), Margins(left=0.55, bottom=0.45), paint, alt)


def forest(data: Json, alt: str) -> str:
    """One metric of the model and its baselines as dots with intervals.

    Args:
        data: `in_percent`, `digits` (of plain numbers; 3 where it is missing) and `rows`, each with
            `name`, `own` (the model's, or a baseline's), `value`, `low`, `high` (low and high may
            be None).
        alt: The chart in words.
    """
    rows = data["rows"]
    write = percent if data["in_percent"] else partial(decimal, digits=data.get("digits", 3))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for height, row in enumerate(reversed(rows)):
            colour = ACCENT if row["own"] else MUTED
            if row["low"] is not None and row["high"] is not None:
                axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=2)
            marker = "o" if row["own"] else "D"
            axes.plot([row["value"]], [height], marker, color=colour, markersize=6)
        names = [shorten(row["name"], 24) for row in reversed(rows)]
        axes.set_yticks(range(len(rows)), names, parse_math=False, color=INK)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        _room_for_values(axes, rows, write)

    return draw(
        (WIDTH, 0.4 + 0.3 * len(rows)), Margins(left=1.4, bottom=0.3, right=0.65), paint, alt
    )


def _room_for_values(axes: Axes, rows: Sequence[Json], write: Callable[[float], str]) -> None:
    from matplotlib.ticker import MaxNLocator

    ends = [row[name] for row in rows for name in ("low", "value", "high") if row[name] is not None]
    span = max(max(ends) - min(ends), 1e-3)
    axes.set_xlim(min(ends) - 0.05 * span, max(ends) + 0.05 * span)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        (lambda value, _: f"{100 * value:g}%")
        if write is percent
        else (lambda value, _: f"{value:g}")
    )
    for height, row in enumerate(reversed(rows)):
        axes.text(
            1.02,
            height,
            write(row["value"]),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=INK,
        )


def confusion(data: Json, alt: str) -> str:
    """The confusion matrix: shade is the share of the true class, numbers are counts.

    Args:
        data: `labels` (C,) and `counts` (C, C), rows are the truth.
        alt: The chart in words.
    """
    labels, counts = data["labels"], data["counts"]
    most = len(labels)
    cell = min(max(3.6 / most, 0.28), 0.7) if most <= COUNTED_CLASSES else 8.4 / most
    side = most * cell
    longest = max(len(shorten(label, 18)) for label in labels)
    font = min(8.0, cell * 60)
    names = 0.4 + longest * font * 0.0085
    size = (names + side + 0.12, names + side + 0.1)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        shares = [[count / max(sum(row), 1) for count in row] for row in counts]
        _shade(axes, shares)
        if most <= COUNTED_CLASSES:
            _write_counts(axes, counts, shares)
        _name_classes(axes, labels, font)

    return draw(size, Margins(left=names, bottom=names), paint, alt)


def _shade(axes: Axes, shares: Sequence[Sequence[float]]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    levels: dict[int, list[Path]] = {}
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            if share > 0:
                level = max(1, round(share * _LEVELS))
                corners = [
                    (column, row),
                    (column + 1, row),
                    (column + 1, row + 1),
                    (column, row + 1),
                ]
                levels.setdefault(level, []).append(Path([*corners, corners[0]], closed=True))
    for level, cells in sorted(levels.items()):
        path = Path.make_compound_path(*cells)
        # The faintest shade must still be seen beside an empty cell.
        strength = 0.12 + 0.88 * level / _LEVELS
        axes.add_patch(PathPatch(path, facecolor=ACCENT, alpha=strength, linewidth=0))
    axes.set_xlim(0, len(shares))
    axes.set_ylim(len(shares), 0)
    axes.set_aspect("equal")


def _write_counts(axes: Axes, counts: Any, shares: Sequence[Sequence[float]]) -> None:
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if count:
                colour = ON_ACCENT if shares[row][column] > 0.5 else INK
                digits = len(str(count))
                axes.text(
                    column + 0.5,
                    row + 0.53,
                    str(count),
                    color=colour,
                    fontsize=9 if digits < 4 else 6.5,
                    ha="center",
                    va="center",
                )


def _name_classes(axes: Axes, labels: Sequence[str], font: float) -> None:
    most = len(labels)
    names = [shorten(label, 18) for label in labels]
    middles = [index + 0.5 for index in range(most)]
    text: Json = {"parse_math": False, "fontsize": font, "color": INK}
    upright = most > 4 or max(map(len, names)) > 6
    axes.set_xticks(middles, names, rotation=90 if upright else 0, **text)
    axes.set_yticks(middles, names, **text)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    for side in axes.spines.values():
        side.set_visible(True)


def reliability(data: Json, alt: str) -> str:
    """How often the model is right at each level of confidence, over the counts of each bin.

    Args:
        data: `bins`, each with `low`, `high`, `count`, `accuracy` and `confidence` (the last two
            None for an empty bin).
        alt: The chart in words.
    """
    from matplotlib.ticker import MaxNLocator

    def paint(figure: Figure) -> None:
        grid = {"height_ratios": (3, 1), "hspace": 0.12}
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw=grid)
        upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(3, 2), label="ideal")
        for entry in data["bins"]:
            left, width = entry["low"], entry["high"] - entry["low"]
            lower.bar(left, entry["count"], width * 0.92, align="edge", color=SECOND, alpha=0.7)
            if entry["count"] and entry["accuracy"] is not None:
                bar = {"align": "edge", "color": ACCENT, "alpha": 0.35}
                upper.bar(left, entry["accuracy"], width * 0.92, **bar)
        _confidences(upper, data["bins"])
        upper.set_ylabel("share correct")
        upper.set_ylim(0, 1.02)
        upper.legend(loc="upper left")
        lower.set_ylabel("images")
        lower.set_xlabel("confidence of the prediction")
        lower.set_xlim(0, 1)
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        for axes in (upper, lower):
            axes.grid(visible=True, color=GRID)

    return draw((WIDTH, 3.9), Margins(left=0.6, bottom=0.45), paint, alt)


def _confidences(axes: Axes, bins: Sequence[Json]) -> None:
    known = [
        (entry["confidence"], entry["accuracy"])
        for entry in bins
        if entry["count"] and None not in (entry["confidence"], entry["accuracy"])
    ]
    across, up = [pair[0] for pair in known], [pair[1] for pair in known]
    axes.plot(across, up, "o-", color=ACCENT, markersize=4, label="this model")


def scatter(data: Json, alt: str) -> str:
    """Answers against the truth, with the diagonal.

    Args:
        data: `points`, pairs of truth and answer.
        alt: The chart in words.
    """
    points = data["points"]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        ends = [value for pair in points for value in pair]
        span = [min(ends), max(ends)]
        axes.plot(span, span, color=MUTED, linewidth=1, dashes=(3, 2), label="ideal")
        across, up = [pair[0] for pair in points], [pair[1] for pair in points]
        axes.plot(across, up, "o", color=ACCENT, markersize=3, alpha=0.5, label="test rows")
        axes.set_xlabel("truth")
        axes.set_ylabel("answer")
        axes.legend(loc="upper left")
        axes.grid(visible=True, color=GRID)

    return draw((WIDTH, 3.6), Margins(left=0.7, bottom=0.45), paint, alt)


CHARTS: dict[str, Callable[[Json, str], str]] = {
    "curve": curve,
    "depth": depth,
    "forest": forest,
    "confusion": confusion,
    "reliability": reliability,
    "scatter": scatter,
}
