"""`graft bank`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import AsJson

if TYPE_CHECKING:
    from graft.types import Json

KEY_SHOWN = 12


def bank(
    action: Annotated[
        str, typer.Argument(metavar="[list|verify|clear]", help="What to do with the bank.")
    ] = "list",
    fix: Annotated[bool, typer.Option("--fix", help="verify: remove what is damaged.")] = False,
    key: Annotated[
        str | None, typer.Option(help="clear: only this shelf (a prefix will do).")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", help="clear: only what is unused so long.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="clear: everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look after the store of decoded pictures and frozen outputs.

    It lies in $GRAFT_CACHE and keeps to $GRAFT_CACHE_SIZE (as in 20GB): what was used longest ago
    goes first, and what a running process uses stays.
    """
    from graft.api import bank as look_after

    with Bars() as progress:
        found = look_after(
            action,
            fix=fix,
            key=key,
            older_than=older_than,
            everything=everything,
            progress=progress,
        )
    if as_json:
        print_json(found)
        return
    {"list": _print_list, "verify": _print_verify, "clear": _print_clear}[action](found)


def _print_list(found: Json) -> None:
    from rich.table import Table

    console = output()
    console.print(
        f"{found['folder']}: {_size(found['bytes'])} of at most {_size(found['limit'])}",
        markup=False,
    )
    if not found["shelves"]:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("key", "what", "rows", "size", "used"):
        table.add_column(name, justify="right" if name in ("rows", "size") else "left")
    for shelf in found["shelves"]:
        what = f"{shelf['kind']}: {shelf['what']}"
        used = "in use" if shelf["in_use"] else _ago(time.time() - shelf["used"])
        rows, size = f"{shelf['rows']:,}", _size(shelf["bytes"])
        table.add_row(shelf["key"][:KEY_SHOWN], what, rows, size, used)
    console.print(table)


def _print_verify(found: Json) -> None:
    console = output()
    console.print(f"{found['segments']} segments, {found['rows']:,} rows looked at")
    for item in found["damaged"]:
        console.print(f"damaged: {item['segment']}: {item['reason']}", markup=False)
    if found["removed"] or found["leftovers"]:
        console.print(
            f"{found['removed']} damaged segments and {found['leftovers']} unfinished ones removed"
        )
    elif found["damaged"]:
        console.print("Next: graft bank verify --fix removes them; they are then computed anew")
    else:
        console.print("Every row is what was written.")


def _print_clear(found: Json) -> None:
    kept = f"; {found['kept']} in use and kept" if found["kept"] else ""
    output().print(f"{found['removed']} segments removed, {_size(found['bytes'])} freed{kept}")


def _size(count: float) -> str:
    """Bytes for people.

    >>> _size(999), _size(1_500_000)
    ('999 B', '1.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _ago(seconds: float) -> str:
    """How long ago, in the largest unit that fits.

    >>> _ago(59), _ago(7200)
    ('59 s ago', '2 h ago')
    """
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
