"""`graft demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson
from graft.errors import unknown_name

KINDS = ("image",)


def demo(
    kind: Annotated[str, typer.Argument(metavar="[image]", help="What to show.")] = "image",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the runs. [runs/demo-<time>]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Handwritten digits, ten examples a class: from scratch, linear probe, LP-FT."""
    if kind not in KINDS:
        raise unknown_name("demo", kind, KINDS)
    from rich.table import Table

    from graft.cli.summary import METRIC_NAMES, figure
    from graft.demo import demo_image

    with Bars() as progress:
        finished = demo_image(out, progress)
    if as_json:
        print_json({contender.title: model.result for contender, model in finished})
        return
    table = Table(title="Handwritten digits, ten labelled examples a class, 800 test scans")
    table.add_column("")
    for contender, _ in finished:
        table.add_column(contender.title, justify="right")
    for key, shown in METRIC_NAMES.items():
        figures = [figure(model.result["metrics"]["test"][key]) for _, model in finished]
        table.add_row(shown, *figures)
    seconds = [f"{model.result['seconds']['total']:.1f}" for _, model in finished]
    table.add_row("seconds", *seconds)
    console = output()
    console.print(table)
    best = finished[-1][1]
    console.print(best.result["transfer"]["message"], markup=False)
    console.print(f"Report: {best.folder}/report.html", markup=False)
    console.print("Next:   graft fit PICTURES/   (a folder with one folder of pictures per class)")
