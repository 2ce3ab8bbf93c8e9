"""`graft rank`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.console import Bars, messages, output, print_json
from graft.cli.options import (
    AsJson,
    Data,
    Device,
    Group,
    Input,
    Label,
    Labels,
    Long,
    Pooling,
    Size,
    Weights,
)
from graft.errors import UnknownNameError

if TYPE_CHECKING:
    from graft.types import Json


def rank(
    data: Data,
    more: Annotated[
        list[str] | None, typer.Argument(hidden=True, help="Further names of --backbones.")
    ] = None,
    backbones: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A B C",
            help="bundled, minilm, other names, folders, after DATA. [those that need no network]",
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=2, help="Look at no more rows than this.")] = 2000,
    weights: Weights = None,
    size: Size = None,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    labels: Labels = None,
    group: Group = None,
    test: Annotated[
        str | None, typer.Option(metavar="DATA", help="Another source as the test set.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification, multi-label, regression; or one per column. [found]"),
    ] = None,
    long: Long = None,
    pooling: Pooling = None,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Rank backbones for DATA by their frozen features; nothing is trained."""
    from graft.api import rank as rank_backbones

    with Bars() as progress:
        found = rank_backbones(
            data,
            named(backbones, more),
            input=input,
            label=label,
            labels=[name.strip() for name in labels.split(",")] if labels else [],
            group=group,
            test=test,
            task=task,
            weights=weights or "pretrained",
            size=size,
            long=long or "truncate",
            pooling=pooling,
            rows=rows,
            seed=seed,
            device=device or "auto",
            progress=progress,
        ).to_dict()
    if as_json:
        print_json(found)
        return
    columns = {"input": input, "label": label, "labels": labels, "group": group}
    print_ranking(found, next_command(found, {**columns, "test": test, "task": task}))


def next_command(found: Json, given: dict[str, str | None]) -> str:
    """The command that fits the best backbone to the same columns.

    >>> next_command({"data": "my photos", "best": "bundled"}, {"label": "x", "group": None})
    "graft fit 'my photos' --label x --backbone bundled"
    """
    told = [part for name, value in given.items() if value for part in (f"--{name}", value)]
    return shlex.join(["graft", "fit", found["data"], *told, "--backbone", found["best"]])


def named(backbones: list[str] | None, more: list[str] | None) -> list[str] | None:
    """The names of `--backbones A B C`, of `--backbones A,B,C`, and of the option repeated.

    >>> named(["a,b"], ["c"])
    ['a', 'b', 'c']
    """
    if not backbones:
        if more:
            raise UnknownNameError(
                f"There is one DATA too many: {' '.join(more)}",
                allowed="one data set, then --backbones A B C",
                next="put --backbones in front of the backbones' names",
            )
        return None
    return [name for item in [*backbones, *(more or [])] for name in item.split(",") if name]


def print_ranking(found: Json, command: str) -> None:
    """The table, the constant pick below it, what could not be loaded, and the next command."""
    from rich.table import Table

    accuracy = found["metric"] == "accuracy"
    apart = 2 if accuracy else 1  # other figures are wider
    table = Table(box=None, pad_edge=False, padding=(0, apart, 0, 0))
    table.add_column("backbone", style="bold", overflow="fold")
    unit = " %" if accuracy else ""
    speed = ("rows/s", "MB", "probe", "tune")
    for title in ("rank", f"kNN{unit}", f"ridge{unit}", "LogME", "H", *speed):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found["candidates"]:
        table.add_row(row["backbone"], *_cells(row, 100 if accuracy else 1))
    console = output()
    what = f"{found['classes']} classes" if accuracy else f"{found['task']}: {found['metric']}"
    console.print(f"{found['rows']} rows, {what}; nothing was trained", markup=False)
    console.print(table)
    console.print(_constant(found), markup=False)
    for item in found["failed"]:
        messages().print(f"left out: {item['backbone']}: {item['reason']}", markup=False)
    console.print(f"Next: {command}", markup=False, soft_wrap=True)


def _cells(row: Json, scale: int) -> list[str]:
    return [
        f"{row['mean_rank']:.2f}",
        *(_share(row[name], scale) for name in ("knn", "ridge")),
        f"{row['logme']:.3f}",
        f"{row['h_score']:.2f}",
        f"{row['images_per_second']:.0f}",
        f"{row['megabytes']:.1f}",
        *(_time(row[name]) for name in ("probe_seconds", "fine_tuning_seconds")),
    ]


def _share(figure: Json, scale: int) -> str:
    half = max(figure["high"] - figure["value"], figure["value"] - figure["low"])
    digits = 1 if scale > 1 else 3
    return f"{scale * figure['value']:.{digits}f} ±{scale * half:.{digits}f}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _constant(found: Json) -> str:
    constant = found["constant"]
    lost = constant["points_lost"]
    if constant["backbone"] == found["best"]:
        return f"Always picking the largest would have picked the same: {found['best']}."
    accuracy = found["metric"] == "accuracy"
    scale, digits, unit = (100, 1, " points") if accuracy else (1, 3, "")
    apart, low, high = (f"{-scale * lost[name]:+.{digits}f}" for name in ("value", "high", "low"))
    return (
        f"Always picking the largest would have picked {constant['backbone']}: ridge "
        f"{found['metric']} {apart}{unit} against {found['best']} "
        f"(95 % interval {low} to {high})."
    )
