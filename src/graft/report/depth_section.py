"""What each block's output is worth: the curve behind the choice of the frozen depth."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import number, part, records, word
from graft.report.words import ABSENT, decimal, percent, whole
from graft.types import Json


def depth(result: Json) -> list[Json]:
    """The section `Depth`, where a run measured it; else nothing."""
    curve = part(result, "depth_curve")
    points = [point for point in records(curve, "points") if part(point, "score")]
    if not points:
        return []
    rows: list[list[blocks.Cell]] = [
        [
            whole(number(point, "depth")),
            word(point, "block", ABSENT),
            blocks.measured(part(point, "score"), in_percent=_in_percent(curve)),
        ]
        for point in points
    ]
    table = blocks.table("Every depth", ["Depth", "Last block", _metric(curve)], rows, folded=True)
    pieces = [blocks.text(_sentence(curve, len(points))), *_chart(curve, points), table]
    return [blocks.section("depth", "Depth", pieces)]


def _sentence(curve: Json, count: int) -> str:
    recommended, chance = number(curve, "recommended"), number(curve, "chance")
    write = percent if _in_percent(curve) else decimal
    enough = (
        "The last block loses nothing that an earlier one has: frozen features may be enough."
        if curve.get("probe_is_enough")
        else "An earlier block is worth more than the last one: "
        "training the blocks after it should pay."
    )
    return (
        f"Ridge regression on the pooled output of each block, every row judged without itself "
        f"(without looking at it: {write(chance)}). After {whole(recommended)} of {count} blocks "
        f"the figure has made 95 % of its rise: that is the recommended frozen depth. {enough}"
    )


def _chart(curve: Json, points: list[Json]) -> list[Json]:
    figures = [part(point, "score") for point in points]
    lines = {
        "depths": [number(point, "depth") for point in points],
        "values": [number(figure, "value") for figure in figures],
        "lows": [number(figure, "low") for figure in figures],
        "highs": [number(figure, "high") for figure in figures],
    }
    marks = {name: number(curve, name) for name in ("chance", "recommended")}
    if None in [*marks.values(), *(value for line in lines.values() for value in line)]:
        return []
    caption = "Leave-one-out figure by depth; the band is the 95 % interval"
    drawn = {**lines, **marks, "in_percent": _in_percent(curve)}
    return [blocks.charts([blocks.chart("depth", caption, f"{_metric(curve)} by depth", drawn)])]


def _metric(curve: Json) -> str:
    metric = word(curve, "metric", "accuracy")
    return f"{metric[:1].upper()}{metric[1:]}"


def _in_percent(curve: Json) -> bool:
    return word(curve, "metric", "accuracy") == "accuracy"
