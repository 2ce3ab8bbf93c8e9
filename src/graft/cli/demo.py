"""`graft demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson
from graft.errors import unknown_name

KINDS = ("image",)
# What fits beside each other in a terminal of 80 columns; the reports have all of them.
SHOWN = ("accuracy", "log_loss")


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
    for name in (*(METRIC_NAMES[key] for key in SHOWN), "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for contender, model in finished:
        figures = [figure(model.result["metrics"]["test"][key]) for key in SHOWN]
        table.add_row(contender.title, *figures, f"{model.result['seconds']['total']:.1f}")
    console = output()
    console.print(table)
    best = finished[-1][1]
    console.print(best.result["transfer"]["message"], markup=False)
    console.print(f"Report: {best.folder}/report.html", markup=False)
    console.print("Next:   graft fit PICTURES/   (a folder with one folder of pictures per class)")
