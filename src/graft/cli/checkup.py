"""What the doctor found, as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graft.cli.console import output

if TYPE_CHECKING:
    from rich.table import Table

    from graft.types import Json

MOST_EXAMPLES = 3
COLOURS = {"fault": "red", "note": "yellow"}


def print_checkup(found: Json) -> None:
    """The findings for a reader."""
    console = output()
    console.print(f"{found['source']}: {found['rows']:,} rows", markup=False)
    if found["columns"]:
        console.print(_columns(found["columns"]))
    if found["findings"]:
        console.print(_findings(found["findings"]))
    _print_forecast(found["forecast"])
    if found["rehearsed"]:
        console.print("A small run trained, was evaluated, saved, loaded and asked: all well.")
    if found["cleaned"]:
        cleaned = found["cleaned"]
        console.print(f"{cleaned['rows']:,} rows in the cleaned list {cleaned['file']}")
    console.print(f"{found['faults']} faults, {found['notes']} notes.")


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _columns(columns: Json) -> Table:
    from rich.markup import escape

    table = _table("column", "taken for", "cells")
    for name, column in columns.items():
        table.add_row(escape(name), column["role"], escape(", ".join(column["examples"])))
    return table


def _findings(findings: list[Json]) -> Table:
    """One row per finding: what it is, with the first examples and the next step below it."""
    from rich.markup import escape

    table = _table("", "check", "count", "what was found")
    table.columns[1].no_wrap = True
    table.columns[2].justify = "right"
    for finding in findings:
        severity = finding["severity"]
        lines = [escape(finding["what"])]
        lines += [f"[dim]- {escape(each)}[/]" for each in finding["examples"][:MOST_EXAMPLES]]
        if finding["count"] > MOST_EXAMPLES < len(finding["examples"]):
            lines.append(f"[dim]  and {finding['count'] - MOST_EXAMPLES:,} more[/]")
        lines.append(f"next: {escape(finding['next'])}")
        mark = f"[{COLOURS[severity]}]{severity.upper()}[/]"
        table.add_row(mark, finding["check"], f"{finding['count']:,}", "\n".join(lines))
    return table


def _print_forecast(expected: Json | None) -> None:
    if expected is None:
        return
    disk, free = expected["disk_bytes"] / 2**20, expected["disk_free_bytes"] / 2**20
    output().print(
        f"All rows through the backbone: about {expected['prefix_seconds']:,.0f} s at "
        f"{expected['rows_per_second']:,.0f} a second; bank {disk:,.0f} MB of {free:,.0f} MB "
        f"free; fine-tuning everything about {expected['memory_bytes'] / 2**20:,.0f} MB of memory."
    )
