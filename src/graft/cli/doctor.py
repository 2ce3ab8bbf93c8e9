"""`graft doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.checkup import print_checkup
from graft.cli.console import Bars, print_json
from graft.cli.options import AsJson, Backbone, Data, Group, Input, Label, Size, Weights


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
