"""What each block's output is worth: the curve behind the choice of the frozen depth."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import number, part, records, word
from graft.report.words import ABSENT, percent, whole
from graft.types import Json


def depth(result: Json) -> list[Json]:
    """The section `Depth`, where a run measured it; else nothing."""
    curve = part(result, "depth_curve")
    points = [point for point in records(curve, "points") if part(point, "accuracy")]
    if not points:
        return []
    rows: list[list[blocks.Cell]] = [
        [
            whole(number(point, "depth")),
            word(point, "block", ABSENT),
            blocks.spread(part(point, "accuracy")),
        ]
        for point in points
    ]
    table = blocks.table("Every depth", ["Depth", "Last block", "Accuracy"], rows, folded=True)
    pieces = [blocks.text(_sentence(curve, len(points))), *_chart(curve, points), table]
    return [blocks.section("depth", "Depth", pieces)]


def _sentence(curve: Json, count: int) -> str:
    recommended, chance = number(curve, "recommended"), number(curve, "chance")
    enough = (
        "The last block loses nothing that an earlier one has: frozen features may be enough."
        if curve.get("probe_is_enough")
        else "An earlier block tells the classes apart better than the last one: "
        "training the blocks after it should pay."
    )
    return (
        f"Ridge regression on the pooled output of each block, every row judged without itself "
        f"(chance is {percent(chance)}). After {whole(recommended)} of {count} blocks the accuracy "
        f"has made 95 % of its rise: that is the recommended frozen depth. {enough}"
    )


def _chart(curve: Json, points: list[Json]) -> list[Json]:
    figures = [part(point, "accuracy") for point in points]
    lines = {
        "depths": [number(point, "depth") for point in points],
        "values": [number(figure, "value") for figure in figures],
        "lows": [number(figure, "low") for figure in figures],
        "highs": [number(figure, "high") for figure in figures],
    }
    marks = {name: number(curve, name) for name in ("chance", "recommended")}
    if None in [*marks.values(), *(value for line in lines.values() for value in line)]:
        return []
    caption = "Leave-one-out accuracy by depth; the band is the 95 % interval"
    return [
        blocks.charts([blocks.chart("depth", caption, "Accuracy by depth", {**lines, **marks})])
    ]
