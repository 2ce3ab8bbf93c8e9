"""`graft predict`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from graft.cli.console import messages, output, print_json
from graft.cli.options import AsJson, Run

STDIN = "-"


def predict(
    run: Run,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures or texts, folders of them, or tables; - takes one from every line of "
            "standard input.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """One row per input: label, probability, or the reason why it could not be read."""
    from graft.api import predict as predict_rows
    from graft.cli.summary import shown_answer
    from graft.data.texts import abridged

    rows = predict_rows(run, [item for given in inputs for item in _expanded(given)])
    if as_json:
        print_json({"rows": [row.to_dict() for row in rows]})
        return
    console = output()
    # A path stays whole; a text of several words is cut to a line.
    names = [abridged(row.input) if " " in row.input else row.input for row in rows]
    width = max(map(len, names))
    for name, row in zip(names, rows, strict=True):
        text = f"not read: {row.error}" if row.error else shown_answer(row.answer)
        console.print(f"{name:<{width}}  {text}", markup=False)
    failed = sum(row.error is not None for row in rows)
    if failed:
        messages().print(f"{failed} of {len(rows)} inputs could not be read.")


def _expanded(given: str) -> list[str]:
    """An input as it was given, or every line of standard input; empty ones keep their place.

    Raises:
        DataError: Standard input is not text in UTF-8.
    """
    if given != STDIN:
        return [given]
    from graft.data.texts import decoded
    from graft.errors import DataError

    try:
        content = decoded(sys.stdin.buffer.read())[0].replace("\r\n", "\n")
    except DataError as error:
        raise DataError("Standard input is not text in UTF-8", next="convert it first") from error
    return content.removesuffix("\n").split("\n")
