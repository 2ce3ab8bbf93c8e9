"""CSV files as columns of text; a row that is damaged keeps its place and loses its cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from graft.data.shown import is_whole
from graft.data.unreadable import Unreadable
from graft.errors import DataError

LONGEST_ROW = 2**24
"""Bytes. A row that is longer is a quotation mark that is never closed."""
LONGEST_HEADER = 2**20
MOST_COLUMNS = 10_000
DELIMITERS = (",", ";", "\t")
_FORM = "CSV in UTF-8 with one header line"
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK": "a zip archive"}


def read_csv(path: Path, shown: str) -> tuple[list[str], list[list[object]]]:
    """All columns as text: numbers keep their leading zeros, and 'NA' stays a word.

    A cell that is not UTF-8, and all cells of a row with too few or too many of them, become
    `Unreadable`.

    Args:
        path: A plain file.
        shown: The path as the user named it.

    Returns:
        The names as the header has them, and the cells of each column.

    Raises:
        DataError: The header or the form of the file is damaged, or it is no CSV at all.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    delimiter, names = _header(path, shown)
    parse = arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
    )
    # The block must hold the longest row.
    size = max(2**20, min(path.stat().st_size + 1, LONGEST_ROW))
    try:
        table = arrow.read_csv(path, arrow.ReadOptions(block_size=size), parse, convert)
        header = [*table.column_names]  # a name may be no UTF-8
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if "straddl" in str(error):
            raise _too_long(shown) from error
        return _read_row_by_row(path, shown, delimiter)
    return header, [column.to_pylist() for column in table.columns]


def _read_row_by_row(
    path: Path, shown: str, delimiter: str
) -> tuple[list[str], list[list[object]]]:
    """The same, slower, where some rows are damaged."""
    rows: list[list[object]] = []
    limit = csv.field_size_limit(LONGEST_ROW)
    try:
        # Bytes that are no UTF-8 come through as lone surrogates.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = csv.reader(_lines(file, shown), delimiter=delimiter)
            names = next((line for line in lines if line), [])
            rows = [_row(line, len(names)) for line in lines if line]
    except (csv.Error, OSError) as error:
        raise _unreadable(shown, error) from error
    finally:
        csv.field_size_limit(limit)
    if not names:
        raise DataError(f"{shown} holds no rows", allowed=_FORM, next="look at the file")
    if not all(map(is_whole, names)):
        raise _foreign_header(shown)
    return names, [[row[at] for row in rows] for at in range(len(names))]


def _lines(file: TextIO, shown: str) -> Iterator[str]:
    while line := file.readline(LONGEST_ROW):
        if len(line) == LONGEST_ROW:
            raise _too_long(shown)
        yield line


def _row(line: list[str], width: int) -> list[object]:
    if len(line) != width:
        return [Unreadable("", f"the row has {len(line)} cells, and the header {width}")] * width
    return [_cell(text) for text in line]


def _cell(text: str) -> object:
    if not text:
        return None
    return text if is_whole(text) else Unreadable("", "the row is not text in UTF-8")


def _header(path: Path, shown: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns.

    Tab for .tsv; else comma, or semicolon where the header has no comma.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST_HEADER)
    kind = next((name for mark, name in _OTHER_ENCODINGS.items() if start.startswith(mark)), None)
    if kind is not None:
        raise DataError(
            f"{shown} is {kind}, not CSV in UTF-8",
            allowed=_FORM,
            next="save it again as CSV in UTF-8",
        )
    line = start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    ends = [at for at in (line.find(b"\n"), line.find(b"\r")) if at >= 0]
    if not ends and len(start) == LONGEST_HEADER:
        raise DataError(
            f"The header line of {shown} is longer than {LONGEST_HEADER:,} bytes",
            allowed=_FORM,
            next="look at the file: is it a table with one row per example?",
        )
    if b"\0" in line[: min(ends, default=len(line))]:
        raise _foreign_header(shown)  # UTF-16 without its mark, or no text at all
    try:
        text = line[: min(ends, default=len(line))].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _foreign_header(shown) from error
    tabs = path.suffix.lower() == ".tsv"
    delimiter = "\t" if tabs else next((mark for mark in DELIMITERS if mark in text), ",")
    return delimiter, _names(line, text, delimiter, shown)


def _names(line: bytes, text: str, delimiter: str, shown: str) -> list[str]:
    if text.count(delimiter) >= MOST_COLUMNS:
        raise DataError(
            f"{shown} has {text.count(delimiter) + 1:,} columns",
            allowed=f"at most {MOST_COLUMNS:,}",
            next="give a table of inputs and labels, and arrays as an .npz archive",
        )
    try:
        # A name in quotation marks may go on after the end of the line.
        rows: Iterator[list[str]] = csv.reader(
            io.StringIO(line.decode("utf-8", "replace"), newline=""), delimiter=delimiter
        )
        return next(rows, [])
    except csv.Error as error:
        raise _unreadable(shown, error) from error


def _foreign_header(shown: str) -> DataError:
    return DataError(
        f"The header line of {shown} is not UTF-8",
        allowed=_FORM,
        next="save the file again as UTF-8",
    )


def _too_long(shown: str) -> DataError:
    return DataError(
        f"{shown} cannot be read: a row is longer than {LONGEST_ROW / 2**20:.0f} MB",
        allowed=_FORM,
        next="look for a quotation mark that is never closed",
    )


def _unreadable(shown: str, error: Exception) -> DataError:
    detail = (str(error) or type(error).__name__).splitlines()[0]
    return DataError(f"{shown} cannot be read: {detail}", allowed=_FORM, next="repair the file")
