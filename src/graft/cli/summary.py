"""A result in a few lines for the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graft.types import Json

METRIC_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "ece": "calibration error",
    "mean_average_precision": "mean AP",
    "micro_f1": "micro F1",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "hamming loss",
    "quadratic_kappa": "quadratic kappa",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R2",
    "spearman": "Spearman",
    "bleu": "BLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
}
# sacreBLEU's figures reach 100 and are given with one decimal; all others have three.
DECIMALS = {"bleu": 1, "chrf": 1, "chrf++": 1}
# What fits beside each other in a terminal of 80 columns; the report has all of them.
HEADLINES = (
    ("quadratic_kappa", "mae", "accuracy"),
    ("accuracy", "balanced_accuracy", "log_loss"),
    ("mean_average_precision", "micro_f1", "subset_accuracy"),
    ("mae", "rmse", "r2"),
    ("bleu", "chrf", "chrf++"),
)


def print_summary(console: Console, result: Json, folder: Path | None) -> None:
    """What was found, done and measured, what it is worth, and what to do next."""
    from graft.report.headline import warnings

    counts = result["counts"]
    found = f"{counts['train']} train, {counts['validation']} validation, {counts['test']} test"
    console.print(f"[bold]Data[/]    {found}; {escape(what_is_learnt(result))}")
    if counts["set_aside"]:
        console.print(f"        {counts['set_aside']} inputs set aside (listed in result.json)")
    blocks = result["plan"]["blocks"]
    frozen = sum(not block["trained"] for block in blocks)
    console.print(
        f"[bold]Model[/]   {escape(result['backbone'])}, strategy {result['strategy']}, "
        f"head {shown_head(result)}; {frozen} of {len(blocks)} blocks frozen, "
        f"{result['audit']['drift_bytes']} bytes drifted"
    )
    for name, part in by_task(result):
        if name:
            console.print(f"[bold]{escape(name)}[/]")
        console.print(metric_table(part))
        if part["transfer"]:
            console.print(escape(part["transfer"]["message"]))
    if "multi_task" in result:
        console.print(escape(result["multi_task"]["message"]))
    for other in result.get("compare", []):
        console.print(escape(other["message"]))
    print_search(console, result.get("search"))
    for warning in warnings(result):
        console.print(f"[yellow]Note[/]    {escape(warning)}")
    if folder is not None:
        print_next(console, folder, result)


def print_search(console: Console, search: Json | None) -> None:
    """What a search tried, and why its winner won."""
    if search is None:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("tried", style="bold", overflow="fold")
    for title in ("rate", "epochs", search["metric"], "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    above = ""
    for row in search["tried"]:
        rate = "own" if row["lr"] is None else f"{row['lr']:.2g}"
        table.add_row(
            escape(f"{row['backbone']} {row['strategy']}"),
            rate,
            str(row["epochs"] or "all"),
            "-" if row["score"] is None else f"{row['score']['value']:.3f}",
            f"{row['seconds']:.1f}",
            "as above" if row["outcome"] and row["outcome"] == above else escape(row["outcome"]),
        )
        above = row["outcome"]
    console.print(table)
    spent, allowed = search["spent_seconds"], search["budget_seconds"]
    console.print(f"[bold]Chosen[/]  {escape(search['why'])} ({spent:.0f} of {allowed:.0f} s)")


def print_next(console: Console, folder: Path, result: Json) -> None:
    """Where everything stands, and the next commands."""
    path, seconds = escape(str(folder)), result["seconds"]["total"]
    texts = result.get("data", {}).get("modality") in ("text", "translation")
    console.print(f"[bold]Report[/]  {path}/report.html   ({seconds:.0f} s)")
    console.print(f"[bold]Next[/]    graft predict {path} {'TEXT' if texts else 'PICTURE'}...")


def metric_table(result: Json) -> Table:
    """Test figures with intervals, the baselines below the model."""
    rows = {
        "this model": result["metrics"]["test"],
        **{name.replace("_", " "): figures for name, figures in result["baseline"].items()},
    }
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("test", style="bold", no_wrap=True)
    headline = next((keys for keys in HEADLINES if keys[0] in rows["this model"]), HEADLINES[0])
    for key in headline:
        table.add_column(METRIC_NAMES[key], justify="right", no_wrap=True)
    for name, metrics in rows.items():
        table.add_row(name, *(figure(metrics.get(key), DECIMALS.get(key, 3)) for key in headline))
    return table


def shown_head(result: Json) -> str:
    """The head, in a few words."""
    return "kept" if result["task"] == "translation" else str(result["head"])


def what_is_learnt(result: Json) -> str:
    """The labels, in a few words.

    >>> what_is_learnt({"task": "multi-label", "labels": ["a", "b"]})
    '2 labels, any number a row'
    """
    count = len(result["labels"])
    if result["task"] == "multi-task":
        kinds = [f"{name} ({task['kind']})" for name, task in result["tasks"].items()]
        return f"{len(kinds)} tasks: {', '.join(kinds)}"
    if result["task"] == "regression":
        return f"a quantity, {result['labels'][0]}"
    if result["task"] == "ordinal":
        return f"{count} classes in order: {', '.join(result['labels'])}"
    if result["task"] == "translation":
        return "pairs of texts"
    return (
        f"{count} classes"
        if result["task"] == "classification"
        else (f"{count} labels, any number a row")
    )


def by_task(result: Json) -> list[tuple[str, Json]]:
    """The figures of each task under its name; of one task alone under ''."""
    kept = ("metrics", "baseline", "transfer")
    if result["task"] != "multi-task":
        return [("", {key: result[key] for key in kept})]
    return [
        (
            name,
            {
                "metrics": {
                    part: found[name] for part, found in result["metrics"].items() if found
                },
                "baseline": {known: found[name] for known, found in result["baseline"].items()},
                "transfer": result["transfer"]["tasks"].get(name),
            },
        )
        for name in result["tasks"]
    ]


def metric_lines(metrics: Json) -> list[str]:
    """A line a figure, under the name of each task where there are several."""
    lines = []
    for key, value in metrics.items():
        if "value" in value:
            lines.append(f"{METRIC_NAMES.get(key, key):<22} {figure(value, DECIMALS.get(key, 3))}")
        else:
            lines += [escape(key), *(f"  {line}" for line in metric_lines(value))]
    return lines


def shown_answer(answer: Json) -> str:
    """What a model says of one row, on one line.

    >>> shown_answer({"labels": ["a"], "probabilities": {"a": 0.75, "b": 0.5}})
    'a 0.750'
    >>> shown_answer({"tasks": {"age": {"value": 2.0}}})
    'age: 2'
    """
    if "translation" in answer:
        return str(answer["translation"])
    if "tasks" in answer:
        return "; ".join(f"{name}: {shown_answer(part)}" for name, part in answer["tasks"].items())
    if "value" in answer:
        return f"{answer['value']:.6g}"
    if "labels" in answer:
        given = [f"{name} {answer['probabilities'][name]:.3f}" for name in answer["labels"]]
        return ", ".join(given) or "(none)"
    return f"{answer['label']}  {answer['probabilities'][answer['label']]:.3f}"


def figure(value: Json | None, digits: int = 3) -> str:
    r"""A figure with its interval, its bracket escaped for Rich.

    >>> figure({"value": 0.5, "low": 0.41, "high": 0.59})
    '0.500 \\[0.410, 0.590]'
    """
    if value is None:
        return "-"
    shown, low, high = (_number(value[name], digits) for name in ("value", "low", "high"))
    return f"{shown} \\[{low}, {high}]"


def _number(value: float, digits: int = 3) -> str:
    """So many decimals, or four digits of what is large.

    >>> _number(0.5), _number(5208.04), _number(-0.0004), _number(31.4159, 1)
    ('0.500', '5208', '0.000', '31.4')
    """
    if abs(value) >= 10 and digits == 3:
        return f"{value:.4g}"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text
