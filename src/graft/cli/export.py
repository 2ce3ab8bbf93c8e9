"""`graft export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import output, print_json
from graft.cli.options import AsJson, Run


def export(
    run: Run,
    to: Annotated[str, typer.Option("--to", help="Format: onnx.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="[model.onnx inside RUN]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the model of RUN for other runtimes, checked against PyTorch before it appears."""
    from graft.api import export as export_model

    done = export_model(run, to=to, out=out)
    if as_json:
        print_json(done.to_dict())
        return
    console = output()
    console.print(f"{done.file}: {done.size / 1e6:.1f} MB", markup=False)
    for name, shape in done.shapes.items():
        console.print(f"  {name}: {' x '.join(map(str, shape))}", markup=False)
    console.print(
        f"{done.rows} golden and random inputs answered as PyTorch does: logits differ by at most "
        f"{max(done.golden.difference, done.random.difference):.2g}"
    )
