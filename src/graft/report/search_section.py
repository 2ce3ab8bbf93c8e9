"""How the choice was made: what a search tried, and what the winner was set beside."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import number, part, records, word
from graft.report.words import ABSENT, duration
from graft.types import Json


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
    tried = [_tried(trial) for trial in records(search, "tried")]
    columns = ["Tried", "Rate", "Epochs", "Judged on", "Accuracy", "Time", "Outcome"]
    pieces = [blocks.text(sentence), blocks.table("What was tried", columns, tried)]
    ranked = [_ranked(row) for row in records(part(search, "ranking"), "candidates")]
    if len(ranked) > 1:
        columns = ["Backbone", "Mean rank", "kNN", "Ridge", "LogME", "H-score"]
        pieces.append(blocks.table("Backbones, nothing trained", columns, ranked))
    return blocks.section("search", "How the choice was made", pieces)


def _tried(trial: Json) -> list[blocks.Cell]:
    rate = number(trial, "lr")
    return [
        f"{word(trial, 'backbone', ABSENT)}, {word(trial, 'strategy', ABSENT)}",
        "its own" if rate is None else f"{rate:.2g}",
        word(trial, "epochs", "all"),
        word(trial, "judged_on", ABSENT),
        blocks.spread(part(trial, "accuracy")) if part(trial, "accuracy") else ABSENT,
        duration(number(trial, "seconds")),
        word(trial, "outcome"),
    ]


def _ranked(row: Json) -> list[blocks.Cell]:
    return [
        word(row, "backbone", ABSENT),
        _decimal(row, "mean_rank", 2),
        blocks.spread(part(row, "knn")),
        blocks.spread(part(row, "ridge")),
        _decimal(row, "logme", 3),
        _decimal(row, "h_score", 2),
    ]


def _decimal(row: Json, name: str, digits: int) -> str:
    value = number(row, name)
    return ABSENT if value is None else f"{value:.{digits}f}"


def _comparison(result: Json) -> Json:
    others = records(result, "compare")
    rows: list[list[blocks.Cell]] = [
        [
            word(other, "name", ABSENT).replace("_", " "),
            blocks.spread(part(other, "metrics", "accuracy")),
            duration(number(other, "seconds")),
        ]
        for other in others
        if part(other, "metrics")
    ]
    own = part(result, "metrics", "test", "accuracy")
    rows.insert(0, ["this model", blocks.spread(own), ""])
    pieces = [blocks.text(word(other, "message")) for other in others]
    table = blocks.table("On the same test rows", ["Model", "Accuracy", "Time"], rows)
    return blocks.section(
        "comparison", "What pretraining and fine-tuning are worth", [*pieces, table]
    )
