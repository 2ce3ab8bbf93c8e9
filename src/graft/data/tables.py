"""CSV, JSON lines and Parquet files as columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graft.data.columns import Columns
from graft.errors import DataError


def read_table(path: Path, shown: str) -> Columns:
    """Reads a table by its extension; see `TABLES`.

    Args:
        path: The file; relative paths in it resolve against its folder.
        shown: The path as the user named it.

    Raises:
        DataError: The file is empty, or not in the format its extension says.
    """
    cells, class_names = TABLES[path.suffix.lower()](path, shown)
    if not cells or not any(len(column) for column in cells.values()):
        raise DataError(
            f"{shown} holds no rows", next="give a table with a header and one row per picture"
        )
    return Columns(shown, path.parent, cells, class_names)


Parsed = tuple[dict[str, list[object]], dict[str, tuple[str, ...]]]


def _csv(path: Path, shown: str) -> Parsed:
    """All columns as text: numbers keep their leading zeros, and 'NA' stays a word."""
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)
    try:
        with csv.open_csv(path, parse_options=parse) as reader:
            names = reader.schema.names
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        )
        table = csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(shown, "CSV in UTF-8 with one header line", error) from error
    return _lists(table, shown), {}


def _delimiter(path: Path) -> str:
    """Tab for .tsv; else comma, or semicolon where the header has no comma."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open("rb") as file:
        header = file.readline()
    return next((mark for mark in (",", ";", "\t") if mark.encode() in header), ",")


def _json_lines(path: Path, shown: str) -> Parsed:
    """One object per line; a key that a line lacks is a missing cell."""
    rows: list[dict[str, object]] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            rows = [_object(line, n, shown) for n, line in enumerate(file, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(shown, "JSON lines in UTF-8", error) from error
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}, {}


def _object(line: str, number: int, shown: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _unreadable(f"{shown}, line {number}", "one JSON object per line", error) from error
    if not isinstance(value, dict):
        raise DataError(
            f"{shown}, line {number}, holds a {type(value).__name__}",
            allowed="one JSON object per line",
            next='write each row as {"path": ..., "label": ...}',
        )
    return value


def _parquet(path: Path, shown: str) -> Parsed:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(shown, "a Parquet file", error) from error
    return _lists(table, shown), _class_names(table.schema.metadata or {})


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Class names that the `datasets` library writes into a Parquet file's schema."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError):
        return {}  # written by something else
    return {
        name: tuple(feature["names"])
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _lists(table: Any, shown: str) -> dict[str, list[object]]:
    names = table.column_names
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(
            f"{shown} has several columns named {', '.join(doubled)}",
            allowed="each column name once",
        )
    return {name: table.column(name).to_pylist() for name in names}


def _unreadable(shown: str, allowed: str, error: Exception) -> DataError:
    detail = (str(error) or type(error).__name__).splitlines()[0]
    return DataError(f"{shown} cannot be read: {detail}", allowed=allowed, next="repair the file")


TABLES: dict[str, Callable[[Path, str], Parsed]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
