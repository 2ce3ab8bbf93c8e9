"""How the choice was made: what a search tried, and what the winner was set beside."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import number, part, records, word
from graft.report.words import ABSENT, duration, metric
from graft.types import Json

ACCURACY = "accuracy"
MAIN = {
    "classification": ACCURACY,
    "ordinal": "quadratic_kappa",
    "multi-label": "mean_average_precision",
    "regression": "r2",
}


def search(result: Json) -> list[Json]:
    """The sections `Search` and `Comparison`, where a run made them."""
    found = []
    if part(result, "search"):
        found.append(_search(part(result, "search")))
    if records(result, "compare"):
        found.append(_comparison(result))
    return found


def _search(search: Json) -> Json:
    spent = duration(number(search, "spent_seconds"))
    allowed = duration(number(search, "budget_seconds"))
    sentence = (
        f"{word(search, 'why', 'No choice was made yet.')} The search took {spent} of {allowed}."
    )
    in_percent = word(search, "metric", ACCURACY) == ACCURACY
    tried = [_tried(trial, in_percent) for trial in records(search, "tried")]
    title = _title(search)
    columns = ["Tried", "Rate", "Epochs", "Judged on", title, "Time", "Outcome"]
    pieces = [blocks.text(sentence), blocks.table("What was tried", columns, tried)]
    ranked = [_ranked(row, in_percent) for row in records(part(search, "ranking"), "candidates")]
    if len(ranked) > 1:
        columns = ["Backbone", "Mean rank", "kNN", "Ridge", "LogME", "H-score"]
        pieces.append(blocks.table("Backbones, nothing trained", columns, ranked))
    return blocks.section("search", "How the choice was made", pieces)


def _title(search: Json) -> str:
    """The figure that choices were made by, as a heading."""
    metric = word(search, "metric", ACCURACY)
    return f"{metric[:1].upper()}{metric[1:]}"


def _tried(trial: Json, in_percent: bool) -> list[blocks.Cell]:
    rate = number(trial, "lr")
    return [
        f"{word(trial, 'backbone', ABSENT)}, {word(trial, 'strategy', ABSENT)}",
        "its own" if rate is None else f"{rate:.2g}",
        word(trial, "epochs", "all"),
        word(trial, "judged_on", ABSENT),
        _figure(part(trial, "score"), in_percent),
        duration(number(trial, "seconds")),
        word(trial, "outcome"),
    ]


def _ranked(row: Json, in_percent: bool) -> list[blocks.Cell]:
    return [
        word(row, "backbone", ABSENT),
        _decimal(row, "mean_rank", 2),
        _figure(part(row, "knn"), in_percent),
        _figure(part(row, "ridge"), in_percent),
        _decimal(row, "logme", 3),
        _decimal(row, "h_score", 2),
    ]


def _decimal(row: Json, name: str, digits: int) -> str:
    value = number(row, name)
    return ABSENT if value is None else f"{value:.{digits}f}"


def _figure(figure: Json, in_percent: bool) -> blocks.Cell:
    return blocks.measured(figure, in_percent=in_percent) if figure else ABSENT


def _comparison(result: Json) -> Json:
    """The model beside the others, by the main figure of every task."""
    others = [other for other in records(result, "compare") if part(other, "metrics")]
    named = part(result, "tasks")
    kinds = {name: word(task, "kind") for name, task in named.items()}
    kinds = kinds or {"": word(result, "task", "classification")}
    columns = [f"{name}: {metric(MAIN[kind]).title}".lstrip(": ") for name, kind in kinds.items()]
    shown = [(part(result, "metrics", "test"), "this model", "")]
    shown += [
        (
            part(other, "metrics"),
            word(other, "name", ABSENT).replace("_", " "),
            duration(number(other, "seconds")),
        )
        for other in others
    ]
    rows: list[list[blocks.Cell]] = [
        [title, *(_main(figures, name, kind) for name, kind in kinds.items()), time]
        for figures, title, time in shown
    ]
    pieces = [blocks.text(word(other, "message")) for other in records(result, "compare")]
    table = blocks.table("On the same test rows", ["Model", *columns, "Time"], rows)
    return blocks.section(
        "comparison", "What pretraining and fine-tuning are worth", [*pieces, table]
    )


def _main(figures: Json, task: str, kind: str) -> blocks.Cell:
    """The main figure of one task."""
    own = part(figures, task, MAIN[kind]) if task else part(figures, MAIN[kind])
    return _figure(own, metric(MAIN[kind]).percent)
