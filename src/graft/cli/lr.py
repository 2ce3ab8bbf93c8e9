"""`graft lr`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson, Backbone, Device, Group, Input, Label, Size, Weights


def lr(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="As for graft fit.")] = None,
    backbone: Backbone = None,
    strategy: Annotated[str | None, typer.Option(help="As for graft fit.")] = None,
    head: Annotated[str | None, typer.Option(help="linear or mlp:WIDTH. [linear]")] = None,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    group: Group = None,
    task: Annotated[str | None, typer.Option(help="As for graft fit. [found]")] = None,
    weights: Weights = None,
    size: Size = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per batch. [32]")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam, sgd or schedule-free. [adamw]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="[0]")] = None,
    device: Device = None,
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recipe.yaml with all other settings.")
    ] = None,
    lowest: Annotated[float, typer.Option(help="First rate.")] = 1e-7,
    highest: Annotated[float, typer.Option(help="Last rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="From the first to the last.")] = 100,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the curve as an HTML page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Suggest a learning rate: try rising ones on DATA until the loss rises too."""
    from graft.api import lr as find

    with Bars() as progress:
        found = find(
            data,
            backbone=backbone,
            strategy=strategy,
            head=head,
            input=input,
            label=label,
            group=group,
            task=task,
            weights=weights,
            size=size,
            batch_size=batch_size,
            optimizer=optimizer,
            seed=seed,
            device=device,
            recipe=recipe,
            lowest=lowest,
            highest=highest,
            steps=steps,
            plot=plot,
            progress=progress,
        )
    if as_json:
        print_json(found)
        return
    console = output()
    tested = f"phase '{found['phase']}' of {found['strategy']}, {found['optimizer']}"
    console.print(f"{found['suggestion']:g}   ({tested})", markup=False)
    console.print(f"Rule: {found['rule']}.", markup=False)
    if plot:
        console.print(str(plot), markup=False)
