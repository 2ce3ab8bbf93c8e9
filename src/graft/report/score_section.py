"""How well it does: metrics beside baselines, classes, confusion, errors, calibration."""

from __future__ import annotations

from collections.abc import Mapping

from graft.report import blocks
from graft.report.reading import items, number, part, records, word
from graft.report.words import (
    ABSENT,
    counted,
    metric,
    noun,
    percent,
    short_baseline,
    whole,
    with_interval,
)
from graft.types import Json

DRAWN_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
DRAWN_ELSE = (
    *("mean_average_precision", "micro_f1", "subset_accuracy"),
    *("quadratic_kappa", "mae", "rmse", "r2"),
    *("bleu", "chrf", "chrf++"),
)
DRAWN_CLASSES = 100
MOST_MIX_UPS = 15


def metrics(result: Json) -> Json:
    """The section `Metrics`."""
    sources = _sources(result)
    names = list(dict.fromkeys(name for _, figures, _ in sources for name in figures))
    if not names:
        return blocks.section("metrics", "Metrics", [blocks.text("No metric was measured.")])
    rows: list[list[blocks.Cell]] = [
        [_title(name), *(_cell(figures, name) for _, figures, _ in sources)] for name in names
    ]
    columns = ["Metric", *(title for title, _, _ in sources)]
    table = blocks.table("Each figure with its 95% interval", columns, rows)
    drawn_names = [*DRAWN_METRICS, *(n for n in names if n.rpartition(": ")[2] in DRAWN_ELSE)]
    drawn_names += [n for n in names if n.endswith((": accuracy", ": balanced_accuracy"))]
    entries = [_forest(name, sources) for name in drawn_names]
    drawn = [entry for entry in entries if len(entry["data"]["rows"]) > 1]
    pieces = [table, blocks.charts(drawn)] if drawn else [table]
    return blocks.section("metrics", "Metrics", pieces)


def _sources(result: Json) -> list[tuple[str, Json, bool]]:
    own = part(result, "metrics")
    found = [(f"Model, {split}", _flat(part(own, split)), True) for split in ("test", "validation")]
    simple = part(result, "baseline")
    others = [(short_baseline(name), _flat(part(simple, name)), False) for name in simple]
    return [source for source in (*found, *others) if source[1]]


def _flat(figures: Json) -> Json:
    """Metrics by name; those of several label columns as `column: metric`."""
    flat: Json = {}
    for name, figure in figures.items():
        nested = isinstance(figure, dict) and any(
            isinstance(item, dict) for item in figure.values()
        )
        inner = {f"{name}: {key}": figure[key] for key in figure} if nested else {}
        flat.update(inner or {name: figure})
    return flat


def _title(name: str) -> str:
    known = metric(name)
    return known.title if known.higher_is_better else f"{known.title}, lower is better"


def _cell(figures: Json, name: str) -> blocks.Cell:
    figure = part(figures, name)
    if number(figure, "value") is None:
        return "not measured"
    known = metric(name)
    return blocks.unbroken(with_interval(figure, in_percent=known.percent, digits=known.digits))


def _forest(name: str, sources: list[tuple[str, Json, bool]]) -> Json:
    rows = [
        {
            "name": title,
            "own": own,
            **{end: number(figures[name], end) for end in ("value", "low", "high")},
        }
        for title, figures, own in sources
        if number(part(figures, name), "value") is not None
    ]
    known = metric(name)
    data = {"rows": rows, "in_percent": known.percent, "digits": known.digits}
    caption = _title(name)
    return blocks.chart("forest", caption, f"{caption}: the model beside the baselines", data)


def per_class(result: Json) -> Json:
    """The section `Class by class`, hardest first."""
    rows = records(result, "per_class")
    if not rows:
        said = blocks.text("Figures per class are not part of this result.")
        return blocks.section("classes", "Class by class", [said])
    ranked = sorted(rows, key=_difficulty)
    table = blocks.table(
        "On the test set, hardest class first",
        ["Class", f"{noun(result).title()}s", "Recall", "Precision", "F1"],
        [_class_row(row) for row in ranked],
    )
    return blocks.section("classes", "Class by class", [table])


def _difficulty(row: Json) -> float:
    value = number(part(row, "f1"), "value")
    return 2.0 if value is None else value


def _class_row(row: Json) -> list[blocks.Cell]:
    figures = [blocks.spread(part(row, name)) for name in ("recall", "precision", "f1")]
    return [word(row, "label", ABSENT), whole(number(row, "support")), *figures]


def confusion(result: Json) -> Json:
    """The section `Confusion`."""
    counts = _square(items(result, "confusion"))
    if not counts:
        said = "The confusion matrix is not part of this result."
        return blocks.section("confusion", "Confusion", [blocks.text(said)])
    named = [str(label) for label in items(result, "labels")]
    labels = named if len(named) == len(counts) else [str(index) for index in range(len(counts))]
    return blocks.section(
        "confusion",
        "Confusion",
        [_matrix(labels, counts, noun(result)), _mix_ups(labels, counts, noun(result))],
    )


def _square(rows: list[object]) -> list[list[int]]:
    lines = [[int(count or 0) for count in row] for row in rows if isinstance(row, list)]
    return lines if all(len(line) == len(rows) for line in lines) else []


def _matrix(labels: list[str], counts: list[list[int]], row: str) -> Json:
    if len(labels) > DRAWN_CLASSES:
        return blocks.text(
            f"A matrix of {counted(len(labels), 'class', 'classes')} is too large to draw; "
            "it stands in result.json."
        )
    right, everything = sum(line[i] for i, line in enumerate(counts)), sum(map(sum, counts))
    caption = (
        "Rows are the truth, columns the prediction; the stronger the shade, the larger the "
        f"share of the true class. {whole(right)} of {counted(everything, f'test {row}')} "
        "lie on the diagonal."
    )
    data = {"labels": labels, "counts": counts}
    return blocks.charts([blocks.chart("confusion", caption, "Confusion matrix", data)])


def _mix_ups(labels: list[str], counts: list[list[int]], noun: str) -> Json:
    found = [
        (count, row, column)
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        if count and row != column
    ]
    if not found:
        return blocks.text(f"No test {noun} was given a wrong class.")
    ranked = sorted(found, key=lambda entry: (-entry[0], entry[1], entry[2]))[:MOST_MIX_UPS]
    rows: list[list[blocks.Cell]] = [
        [labels[row], labels[column], blocks.bar(whole(count), count / ranked[0][0])]
        for count, row, column in ranked
    ]
    title = "Most frequent mix-ups" if len(found) > MOST_MIX_UPS else "Every mix-up"
    return blocks.table(title, ["Truth", "Predicted", f"{noun.title()}s"], rows)


def errors(result: Json, pictures: Mapping[str, bytes]) -> Json:
    """The section `Most confident errors`; of other tasks than classes `Largest errors`."""
    plain = word(result, "task", "classification") == "classification"
    title = "Most confident errors" if plain else "Largest errors"
    rows = records(result, "errors")
    if not rows:
        said = blocks.text("No errors were recorded for the test set.")
        return blocks.section("errors", title, [said])
    if all(word(row, "text") for row in rows):
        table = blocks.table("", ["Text", "Truth", "Predicted", "Probability"], _quoted(rows))
        return blocks.section("errors", title, [table])
    entries = [_error(row, pictures) for row in rows]
    return blocks.section("errors", title, [blocks.gallery("", entries)])


def _quoted(rows: list[Json]) -> list[list[blocks.Cell]]:
    return [
        [
            word(row, "text"),
            word(row, "label", ABSENT),
            word(row, "predicted", ABSENT),
            percent(number(row, "probability")),
        ]
        for row in rows
    ]


def _error(row: Json, pictures: Mapping[str, bytes]) -> Json:
    truth, predicted = word(row, "label", ABSENT), word(row, "predicted", ABSENT)
    pairs = [
        ("Truth", truth),
        ("Predicted", predicted),
        *([("Task", word(row, "task"))] if word(row, "task") else []),
        *_certainty(row),
        ("Input", word(row, "input", ABSENT)),
    ]
    alt = f"{word(row, 'input', 'An input')}: truth {truth}, predicted {predicted}"
    return blocks.captioned(pictures.get(word(row, "picture")), alt, pairs)


def _certainty(row: Json) -> list[tuple[str, str]]:
    error = number(row, "error")
    if error is not None:
        return [("Error", f"{error:.4g}")]
    share = number(row, "probability")
    return [] if share is None and "probability" not in row else [("Probability", percent(share))]


def calibration(result: Json) -> Json:
    """The section `Calibration`."""
    bins = [row for row in records(result, "reliability") if _drawable(row)]
    if not bins:
        said = blocks.text("Calibration was not measured.")
        return blocks.section("calibration", "Calibration", [said])
    drawn = [{name: number(row, name) for name in _BIN} for row in bins]
    caption = "On the diagonal, a prediction made with 80% confidence is right in 80% of the cases."
    chart = blocks.chart("reliability", caption, "Reliability diagram", {"bins": drawn})
    rows: list[list[blocks.Cell]] = [
        [
            f"{percent(number(row, 'low'))} to {percent(number(row, 'high'))}",
            whole(number(row, "count")),
            percent(number(row, "confidence")),
            percent(number(row, "accuracy")),
        ]
        for row in bins
    ]
    columns = ["Confidence", f"{noun(result).title()}s", "Mean confidence", "Share correct"]
    table = blocks.table("The bins in numbers", columns, rows, folded=True)
    pieces = [blocks.text(_calibration_sentence(result)), blocks.charts([chart]), table]
    return blocks.section("calibration", "Calibration", pieces)


_BIN = ("low", "high", "count", "confidence", "accuracy")


def _drawable(row: Json) -> bool:
    return all(number(row, name) is not None for name in ("low", "high", "count"))


def _calibration_sentence(result: Json) -> str:
    figure = part(result, "metrics", "test", "ece")
    if number(figure, "value") is None:
        return "The expected calibration error was not measured."
    said = with_interval(figure, in_percent=True)
    return f"Confidence and share correct differ by {said} on average (ECE)."
