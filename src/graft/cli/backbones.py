"""`graft backbones`."""

from __future__ import annotations

from typing import Annotated

import typer

from graft.cli.console import output, print_json
from graft.cli.options import AsJson


def backbones(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a pattern with *.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the backbones whose names match; `bundled` needs no download."""
    from graft.api import backbones as list_names

    names = list_names(pattern)
    if as_json:
        print_json({"backbones": names})
        return
    for name in names:
        output().print(name, markup=False)
