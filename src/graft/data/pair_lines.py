"""Tab-separated lines of texts: with or without a header, with quotation marks of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from graft.data.columns import Columns
from graft.errors import DataError

LINES = (".tsv",)
GIVEN = ("source", "target")
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")


def read_lines(
    path: Path, shown: str, usual: Sequence[str]
) -> tuple[Columns, tuple[str, ...]] | None:
    """The columns of a file whose lines all have as many tabs; None where they have not.

    In such a file a quotation mark is a character like any other, unless a writer of tables has put
    a cell between two and doubled those within.

    Args:
        path: The file, in UTF-8.
        shown: Its name as the user gave it.
        usual: Names that a header may bear.

    Returns:
        The columns, and what is to be told of them.

    Raises:
        DataError: The file cannot be read or holds nothing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown} is not text in UTF-8 (byte {error.start})",
            allowed="lines in UTF-8",
            next="save it again as UTF-8, such as with iconv -f LATIN1 -t UTF-8",
        ) from error
    except OSError as error:
        raise DataError(
            f"{shown} cannot be read: {error}", allowed="lines in UTF-8", next="repair the file"
        ) from error
    rows = [line.split("\t") for line in text.split("\n") if line.strip()]
    if not rows:
        raise DataError(f"{shown} holds no rows", next="give a file with a pair in every line")
    width = len(rows[0])
    if width < 2 or any(len(row) != width for row in rows):
        return None
    rows = [[cell.rstrip("\r") for cell in row] for row in rows]
    notes: tuple[str, ...] = ()
    header, body = rows[0], rows[1:]
    if width == 2 and not _is_header(header, usual):
        notes = (
            f"{shown} has no header: its first column is taken for texts, its second for "
            "translations.",
        )
        header, body = list(GIVEN), rows
    columns = [_unquoted([row[at] for row in body]) for at in range(width)]
    names = [name.strip().strip('"') for name in header]
    if len(set(names)) < width:
        raise DataError(f"{shown} has several columns of one name", allowed="each name once")
    return Columns(shown, path.parent, dict(zip(names, columns, strict=True))), notes


def _is_header(cells: Sequence[str], usual: Sequence[str]) -> bool:
    """Whether a first line names two columns: usual names, or languages such as `en` and `de`."""
    names = [cell.strip().strip('"') for cell in cells]
    if any(name.casefold() in usual for name in names):
        return True
    return len(set(names)) == len(names) and all(map(_LANGUAGE.fullmatch, names))


def _unquoted(cells: Sequence[str]) -> list[object]:
    quoted = [len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells]
    everywhere = all(q or not cell for q, cell in zip(quoted, cells, strict=True))
    found: list[object] = []
    for cell, marked in zip(cells, quoted, strict=True):
        inner = cell[1:-1].replace('""', "") if marked else '"'
        doubled = marked and '"' not in inner and ('""' in cell[1:-1] or everywhere)
        found.append(cell[1:-1].replace('""', '"') if doubled else cell)
    return found
