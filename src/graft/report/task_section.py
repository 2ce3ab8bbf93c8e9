"""Tasks besides one class a row: what is said of labels, quantities and several columns."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import items, number, part, word
from graft.report.score_section import calibration, confusion, per_class
from graft.report.translation_section import measured
from graft.report.words import ABSENT, decimal, with_interval
from graft.types import Json


def scores(result: Json) -> list[Json]:
    """The sections on how each task fares: classes, confusion and calibration; labels; points."""
    found = part(result, "tasks")
    if not found:
        return _sections(result, word(result, "task", "classification"))
    sections = [_together(result)]
    for name in found:
        own = {**found[name], "metrics": {"test": part(result, "metrics", "test", name)}}
        kind = word(own, "kind", "classification")
        for section in _sections(own, kind):
            title, anchor = section["title"], section["name"]
            place = list(found).index(name)
            sections.append({**section, "title": f"{name}: {title}", "name": f"{anchor}-{place}"})
    return sections


def _sections(result: Json, kind: str) -> list[Json]:
    if kind == "regression":
        return [_points(result)]
    if kind == "translation":
        return [measured(result)]
    if kind == "multi-label":
        return [_labels(result)]
    return [per_class(result), confusion(result), calibration(result)]


def _labels(result: Json) -> Json:
    section = per_class(result)
    return {**section, "name": "labels", "title": "Label by label"}


def _points(result: Json) -> Json:
    pairs = [pair for pair in items(result, "points") if isinstance(pair, list) and len(pair) == 2]
    title = "Truth and answer"
    if not pairs:
        return blocks.section("points", title, [blocks.text("No answers were recorded.")])
    caption = "On the diagonal the answer is right; test rows, at most 500 of them."
    chart = blocks.chart("scatter", caption, "Answers against the truth", {"points": pairs})
    return blocks.section("points", title, [blocks.charts([chart])])


def _together(result: Json) -> Json:
    """Each task beside a run of its own."""
    fields = part(result, "multi_task")
    said = word(fields, "message", "The tasks were not compared with runs of their own.")
    single = part(result, "baseline", "single_task")
    rows: list[list[blocks.Cell]] = []
    for name, task in part(result, "tasks").items():
        metric = _MAIN.get(word(task, "kind"), "accuracy")
        own = part(result, "metrics", "test", name, metric)
        other = part(part(single, name), metric)
        gain = number(part(fields, "gains"), name)
        rows.append(
            [
                name,
                word(task, "kind"),
                metric.replace("_", " "),
                _figure(own),
                _figure(other),
                ABSENT if gain is None else f"{decimal(100 * gain, 1)}%",
            ]
        )
    columns = ["Task", "Kind", "Figure", "Together", "Alone (probe)", "Relative gain"]
    table = blocks.table("Each task beside a linear probe of its own", columns, rows)
    return blocks.section("together", "Together or apart", [blocks.text(said), table])


_MAIN = {
    "classification": "accuracy",
    "ordinal": "mae",
    "multi-label": "mean_average_precision",
    "regression": "rmse",
}


def _figure(figure: Json) -> blocks.Cell:
    if number(figure, "value") is None:
        return "not measured"
    return blocks.unbroken(with_interval(figure, in_percent=False))
