"""`graft doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson, Backbone, Data, Group, Input, Label, Size, Weights

if TYPE_CHECKING:
    from graft.types import Json

MARKS = {"fault": "FAULT", "note": "note "}


def doctor(
    data: Data,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B", help="Several label columns.")
    ] = None,
    group: Group = None,
    test: Annotated[
        str | None, typer.Option(metavar="DATA", help="Another source as the test set.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="The kind of task.")] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    size: Size = None,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Write a cleaned list here; the data stay untouched."),
    ] = None,
    rehearse: Annotated[
        bool, typer.Option(help="Try a small run: train, evaluate, save, load, predict.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Check DATA before anything costs: files, copies, labels, splits, sizes, time and room."""
    from graft.api import doctor as examine

    with Bars() as progress:
        found = examine(
            data,
            input=input,
            label=label,
            labels=labels.split(",") if labels else None,
            group=group,
            test=test,
            task=task,
            backbone=backbone,
            weights=weights or "pretrained",
            size=size,
            fix=fix,
            rehearse=rehearse,
            progress=progress,
        ).to_dict()
    if as_json:
        print_json(found)
    else:
        print_checkup(found)


def print_checkup(found: Json) -> None:
    """The findings for a reader."""
    console = output()
    console.print(f"{found['source']}: {found['rows']:,} rows", markup=False)
    for name, column in found["columns"].items():
        shown = ", ".join(column["examples"])
        console.print(f"  column {name}: {column['role']} ({shown})", markup=False)
    for finding in found["findings"]:
        console.print(f"{MARKS[finding['severity']]}  {finding['what']}", markup=False)
        for example in finding["examples"][:3]:
            console.print(f"         {example}", markup=False)
        if finding["count"] > 3 and len(finding["examples"]) > 3:
            console.print(f"         and {finding['count'] - 3:,} more", markup=False)
        console.print(f"         next: {finding['next']}", markup=False)
    _print_forecast(found["forecast"])
    if found["rehearsed"]:
        console.print("A small run trained, was evaluated, saved, loaded and asked: all well.")
    if found["cleaned"]:
        cleaned = found["cleaned"]
        console.print(f"{cleaned['rows']:,} rows in the cleaned list {cleaned['file']}")
    console.print(f"{found['faults']} faults, {found['notes']} notes.")


def _print_forecast(expected: Json | None) -> None:
    if expected is None:
        return
    disk, free = expected["disk_bytes"] / 2**20, expected["disk_free_bytes"] / 2**20
    output().print(
        f"All rows through the backbone: about {expected['prefix_seconds']:,.0f} s at "
        f"{expected['rows_per_second']:,.0f} a second; bank {disk:,.0f} MB of {free:,.0f} MB "
        f"free; fine-tuning everything about {expected['memory_bytes'] / 2**20:,.0f} MB of memory."
    )
