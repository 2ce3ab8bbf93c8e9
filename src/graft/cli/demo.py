"""`graft demo`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson
from graft.errors import unknown_name

if TYPE_CHECKING:
    from graft.demo import Contender
    from graft.model import Model
    from graft.progress import Progress
    from graft.types import Json

    Finished = list[tuple[Contender, Model]]

# What fits beside each other in a terminal of 80 columns; the reports have all of them.
SHOWN = ("accuracy", "log_loss")


def _image(out: Path | None, progress: Progress) -> Finished:
    from graft.demo import demo_image

    return demo_image(out, progress)


def _text(out: Path | None, progress: Progress) -> Finished:
    from graft.demo_text import demo_text

    return demo_text(out, progress)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration.

    Attributes:
        run: Trains the contenders.
        title: Over the table; takes the number of test rows.
        baselines: Which of the result's baselines the table shows first, with their names.
        next: What to try then.
    """

    run: Callable[[Path | None, Progress], Finished]
    title: str
    baselines: Mapping[str, str]
    next: str


DEMOS: Mapping[str, Demo] = MappingProxyType(
    {
        "image": Demo(
            _image,
            "Handwritten digits, ten labelled examples a class, {} test scans",
            {},
            "graft fit PICTURES/   (a folder with one folder of pictures per class)",
        ),
        "text": Demo(
            _text,
            "Sections of packages, 32 labelled descriptions each, {} test texts",
            {"tf_idf": "word counts (TF-IDF)", "knn": "nearest neighbours"},
            "graft fit TEXTS.csv   (a table with the columns text and label)",
        ),
    }
)


def demo(
    kind: Annotated[str, typer.Argument(metavar="[image|text]", help="What to show.")] = "image",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the runs. [runs/demo-<time>]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Few labelled examples, with and without transfer: handwritten digits, or package texts."""
    if kind not in DEMOS:
        raise unknown_name("demo", kind, DEMOS)
    chosen = DEMOS[kind]
    with Bars() as progress:
        finished = chosen.run(out, progress)
    if as_json:
        print_json({contender.title: model.result for contender, model in finished})
        return
    _print(chosen, finished)


def _print(chosen: Demo, finished: Finished) -> None:
    from rich.table import Table

    from graft.cli.summary import METRIC_NAMES

    best = finished[-1][1]
    table = Table(title=chosen.title.format(best.result["counts"]["test"]))
    table.add_column("")
    for name in (*(METRIC_NAMES[key] for key in SHOWN), "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, name in chosen.baselines.items():
        table.add_row(name, *_figures(best.result["baseline"][key]), "")
    for contender, model in finished:
        seconds = f"{model.result['seconds']['total']:.1f}"
        table.add_row(contender.title, *_figures(model.result["metrics"]["test"]), seconds)
    console = output()
    console.print(table)
    console.print(best.result["transfer"]["message"], markup=False)
    console.print(f"Report: {best.folder}/report.html", markup=False)
    console.print(f"Next:   {chosen.next}", markup=False)


def _figures(metrics: Json) -> list[str]:
    from graft.cli.summary import figure

    return [figure(metrics[key]) for key in SHOWN]
