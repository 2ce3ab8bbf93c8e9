"""What a reader sees first: the headline, the verdict on transfer, the warnings."""

from __future__ import annotations

from graft.report.reading import items, number, part, word
from graft.report.words import (
    baseline,
    counted,
    duration,
    metric,
    noun,
    points,
    test_figure,
    with_interval,
)
from graft.types import Json


def headline(result: Json) -> str:
    """One sentence: what the model is, how well it does beside what, whether transfer helps."""
    if word(result, "task", "classification") != "classification":
        return _other_headline(result)
    accuracy = test_figure(result, "model", "accuracy")
    if number(accuracy, "value") is None:
        return f"{_what(result)}; its test accuracy was not measured, and {_clause(result)}."
    beside = [
        f"{with_interval(figure, in_percent=True)} for {baseline(name)}"
        for name in ("majority", "knn")
        if number(figure := test_figure(result, name, "accuracy"), "value") is not None
    ]
    comparison = f", beside {' and '.join(beside)}" if beside else ", with no baseline beside it"
    reached = with_interval(accuracy, in_percent=True)
    return f"{_what(result)}: test accuracy {reached}{comparison}; {_clause(result)}."


def _other_headline(result: Json) -> str:
    """The same of other tasks than one class a row."""
    if word(result, "task") == "multi-task":
        names = [
            f"{name} ({said})"
            for name, task in part(result, "tasks").items()
            if (said := _main(part(result, "metrics", "test", name), word(task, "kind")))
        ]
        return f"{_grafted(result)} learns {len(names)} tasks; on the test set {', '.join(names)}."
    kind = word(result, "task")
    if kind == "translation":
        return _translation_headline(result)
    reached = _main(part(result, "metrics", "test"), kind) or "not measured"
    beside = _main(part(result, "baseline", "knn"), kind)
    ending = f", beside {beside} for {baseline('knn')}" if beside else ""
    count = len(items(result, "labels"))
    learnt = {"multi-label": counted(count, "label"), "ordinal": f"one of {count} ordered classes"}
    thing = learnt.get(kind, "a number")
    return f"{_grafted(result)} gives {thing}: test {reached}{ending}; {_clause(result)}."


def _translation_headline(result: Json) -> str:
    reached = _main(part(result, "metrics", "test"), "translation") or "not measured"
    before = _main(part(result, "baseline", "untuned"), "translation")
    ending = f", beside {before} for {baseline('untuned')}" if before else ""
    strategy, backbone = word(result, "strategy"), word(result, "backbone", "unnamed")
    return f"{backbone}, trained with the strategy {strategy}, translates: test {reached}{ending}."


MAIN = {
    "classification": "accuracy",
    "ordinal": "quadratic_kappa",
    "multi-label": "mean_average_precision",
    "regression": "r2",
    "translation": "bleu",
}


def _main(figures: Json, kind: str) -> str:
    """The main metric of a kind of task, in words; empty where it was not measured."""
    name = MAIN.get(kind, "accuracy")
    figure = part(figures, name)
    if number(figure, "value") is None:
        return ""
    known = metric(name)
    said = with_interval(figure, in_percent=known.percent, digits=known.digits)
    return f"{known.title} {said}"


def _grafted(result: Json) -> str:
    backbone = word(result, "backbone", "unnamed")
    strategy = word(result, "strategy")
    trained = f" trained with the strategy {strategy}" if strategy else ""
    return f"The {backbone} backbone{trained}"


def _what(result: Json) -> str:
    backbone = word(result, "backbone", "unnamed")
    head, strategy = word(result, "head", "new"), word(result, "strategy")
    trained = f", trained with the strategy {strategy}," if strategy else ""
    labels = items(result, "labels")
    classes = counted(len(labels), "class", "classes") if labels else "classes"
    article = "an" if head[:1].lower() in "aeim" else "a"
    return f"The {backbone} backbone with {article} {head} head{trained} tells {classes} apart"


def _clause(result: Json) -> str:
    kind = verdict_kind(result)
    if word(result, "task") == "translation":
        return _TUNING[kind]
    return {
        "helps": "transfer helps",
        "not": "transfer does not help here",
        "hurts": "transfer makes it worse here",
        "unclear": "whether transfer helps could not be shown",
        "unmeasured": "whether transfer helps was not measured",
    }[kind]


_TUNING = {
    "helps": "fine-tuning helps",
    "not": "fine-tuning does not help here",
    "hurts": "fine-tuning makes it worse here",
    "unclear": "whether fine-tuning helps could not be shown",
    "unmeasured": "whether fine-tuning helps was not measured",
}


def verdict_kind(result: Json) -> str:
    """`helps`, `not`, `hurts`, `unclear` (tried, not shown) or `unmeasured`."""
    transfer = part(result, "transfer")
    if not transfer:
        return "unmeasured"
    helps = transfer.get("helps")
    if "tasks" in transfer:
        told = {task.get("helps") for task in part(transfer, "tasks").values()}
        helps = told.pop() if len(told) == 1 else None
    if helps is None:
        return "unclear"
    if helps:
        return "helps"
    high = number(part(transfer, "difference"), "high")
    return "hurts" if high is not None and high < 0 else "not"


def verdict(result: Json) -> Json:
    """The verdict on transfer: `kind`, `title` and `text`."""
    transfer = part(result, "transfer")
    clause = _clause(result)
    tasks = part(transfer, "tasks")
    said = [word(transfer, "message")]
    said += [f"{name}: {word(part(tasks, name), 'message')}" for name in tasks]
    difference = part(transfer, "difference")
    if "metric" not in transfer and number(difference, "value") is not None:
        against = baseline(word(transfer, "against", "raw_pixels"))
        said.append(f"The difference in test accuracy from {against} is {points(difference)}.")
    if not transfer:
        said.append("No comparison without the pretrained backbone was made in this run.")
    return {
        "kind": verdict_kind(result),
        "title": f"{clause[:1].upper()}{clause[1:]}",
        "text": " ".join(sentence for sentence in said if sentence),
    }


def warnings(result: Json) -> list[str]:
    """The run's own warnings, then those that its figures give."""
    own = [str(item) for item in items(result, "warnings")]
    return own + [line for line in (_drift(result), _majority(result), _knn(result)) if line]


def _drift(result: Json) -> str:
    drift = number(part(result, "audit"), "drift_bytes")
    return f"{counted(drift, 'byte')} of frozen weights drifted during training." if drift else ""


def _majority(result: Json) -> str:
    low = number(test_figure(result, "model", "accuracy"), "low")
    simple = number(test_figure(result, "majority", "accuracy"), "value")
    if low is None or simple is None or low > simple:
        return ""
    return (
        "The interval of the test accuracy reaches down to always answering the most common class."
    )


def _knn(result: Json) -> str:
    value = number(test_figure(result, "model", "accuracy"), "value")
    simple = number(test_figure(result, "knn", "accuracy"), "value")
    if value is None or simple is None or value > simple:
        return ""
    return (
        "Nearest neighbours on the pretrained features, which train nothing, do as well or better."
    )


def key_figures(result: Json) -> list[Json]:
    """The few numbers to see at a glance: `name`, `value` and `note`."""
    sources = (
        ("Test accuracy", "model"),
        ("kNN baseline", "knn"),
        ("Majority baseline", "majority"),
    )
    figures = [
        _accuracy(title, test_figure(result, source, "accuracy")) for title, source in sources
    ]
    figures += _main_figures(result)
    counts, seconds = part(result, "counts"), part(result, "seconds")
    train, test = (number(counts, name) for name in ("train", "test"))
    if train is not None:
        note = "" if test is None else f"tested on {counted(test, noun(result))}"
        figures.append({"name": "Trained on", "value": counted(train, noun(result)), "note": note})
    if (total := number(seconds, "total")) is not None:
        figures.append({"name": "Time", "value": duration(total), "note": "from start to end"})
    return [figure for figure in figures if figure["value"]]


def _main_figures(result: Json) -> list[Json]:
    """The main figure of each task besides one class a row."""
    kind = word(result, "task", "classification")
    tested = part(result, "metrics", "test")
    if kind in ("ordinal", "multi-label", "regression", "translation"):
        known = [("Test", tested, kind)]
    else:
        known = [
            (name, part(tested, name), word(task, "kind"))
            for name, task in part(result, "tasks").items()
        ]
    return [
        {"name": f"{name}: {metric(MAIN[kind]).title}", "value": _short(figures, kind), "note": ""}
        for name, figures, kind in known
        if kind in MAIN and _short(figures, kind)
    ]


def _short(figures: Json, kind: str) -> str:
    figure, known = part(figures, MAIN[kind]), metric(MAIN[kind])
    if number(figure, "value") is None:
        return ""
    said = with_interval(figure, in_percent=known.percent, digits=known.digits)
    return said.partition(" ")[0]


def _accuracy(title: str, figure: Json) -> Json:
    if number(figure, "value") is None:
        return {"name": title, "value": "", "note": ""}
    value, _, interval = with_interval(figure, in_percent=True).partition(" ")
    note = f"95% interval {interval.strip('()')}" if interval else "no interval"
    return {"name": title, "value": value, "note": note}
