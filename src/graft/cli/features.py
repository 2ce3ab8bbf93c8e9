"""`graft features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import Bars, messages, output, print_json
from graft.cli.options import AsJson, Backbone, Data, Device, Input, Label, Long, Size, Weights


def features(
    data: Data,
    out: Annotated[Path, typer.Option(help="A .parquet or .npz file.")] = Path("features.parquet"),
    backbone: Backbone = None,
    weights: Weights = None,
    size: Size = None,
    long: Long = None,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Write the backbone's features of every row of DATA, labelled or not."""
    from graft.features import check_format, feature_table

    check_format(out)  # before anything costs
    with Bars() as progress:
        table = feature_table(
            data,
            backbone=backbone,
            weights=weights or "pretrained",
            size=size,
            long=long or "truncate",
            columns={"input": input, "label": label},
            device=device or "auto",
            progress=progress,
        )
    path = table.write(out)
    count, width = table.features.shape
    failed = sum(error is not None for error in table.errors)
    if as_json:
        print_json({"file": str(path), "rows": count, "features": width, "failed": failed})
        return
    output().print(f"{path}: {count} rows of {width} features", markup=False)
    if failed:
        messages().print(f"{failed} rows could not be read; they are NaN, with the reason.")
