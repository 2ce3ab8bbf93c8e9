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
}
# What fits beside each other in a terminal of 80 columns; the report has all of them.
HEADLINE = ("accuracy", "balanced_accuracy", "log_loss")


def print_summary(console: Console, result: Json, folder: Path | None) -> None:
    """What was found, done and measured, what it is worth, and what to do next."""
    counts = result["counts"]
    found = f"{counts['train']} train, {counts['validation']} validation, {counts['test']} test"
    console.print(f"[bold]Data[/]    {found}; {len(result['labels'])} classes")
    if counts["set_aside"]:
        console.print(f"        {counts['set_aside']} inputs set aside (listed in result.json)")
    blocks = result["plan"]["blocks"]
    frozen = sum(not block["trained"] for block in blocks)
    console.print(
        f"[bold]Model[/]   {escape(result['backbone'])}, strategy {result['strategy']}, "
        f"head {result['head']}; {frozen} of {len(blocks)} blocks frozen, "
        f"{result['audit']['drift_bytes']} bytes drifted"
    )
    console.print(metric_table(result))
    console.print(escape(result["transfer"]["message"]))
    for other in result.get("compare", []):
        console.print(escape(other["message"]))
    print_search(console, result.get("search"))
    for warning in result["warnings"]:
        console.print(f"[yellow]Note[/]    {escape(warning)}")
    if folder is not None:
        print_next(console, folder, result["seconds"]["total"])


def print_search(console: Console, search: Json | None) -> None:
    """What a search tried, and why its winner won."""
    if search is None:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("tried", style="bold", overflow="fold")
    for title in ("rate", "epochs", "accuracy", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    for row in search["tried"]:
        rate = "own" if row["lr"] is None else f"{row['lr']:.2g}"
        table.add_row(
            escape(f"{row['backbone']} {row['strategy']}"),
            rate,
            str(row["epochs"] or "all"),
            "-" if row["accuracy"] is None else f"{row['accuracy']['value']:.3f}",
            f"{row['seconds']:.1f}",
            escape(row["outcome"]),
        )
    console.print(table)
    spent, allowed = search["spent_seconds"], search["budget_seconds"]
    console.print(f"[bold]Chosen[/]  {escape(search['why'])} ({spent:.0f} of {allowed:.0f} s)")


def print_next(console: Console, folder: Path, seconds: float) -> None:
    """Where everything stands, and the next commands."""
    path = escape(str(folder))
    console.print(f"[bold]Report[/]  {path}/report.html   ({seconds:.0f} s)")
    console.print(f"[bold]Next[/]    graft predict {path} PICTURE...")


def metric_table(result: Json) -> Table:
    """Test figures with intervals, the baselines below the model."""
    rows = {
        "this model": result["metrics"]["test"],
        **{name.replace("_", " "): figures for name, figures in result["baseline"].items()},
    }
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("test", style="bold")
    for key in HEADLINE:
        table.add_column(METRIC_NAMES[key], justify="right", no_wrap=True)
    for name, metrics in rows.items():
        table.add_row(name, *(figure(metrics.get(key)) for key in HEADLINE))
    return table


def figure(value: Json | None) -> str:
    r"""A figure with its interval, its bracket escaped for Rich.

    >>> figure({"value": 0.5, "low": 0.41, "high": 0.59})
    '0.500 \\[0.410, 0.590]'
    """
    if value is None:
        return "-"
    return f"{value['value']:.3f} \\[{value['low']:.3f}, {value['high']:.3f}]"
