"""CSV, JSON lines and Parquet files as columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from graft.data.columns import Columns
from graft.data.csv_tables import MOST_COLUMNS, read_csv
from graft.data.files import MOST_PACKED, SMALL_BYTES, check_file, spare_memory
from graft.data.unreadable import Unreadable
from graft.errors import DataError

LONGEST_LINE = 2**26
"""Bytes of one JSON object."""
MOST_CELLS = 200_000_000
ROWS_AT_A_TIME = 512


def read_table(path: Path, shown: str) -> Columns:
    """Reads a table by its extension; see `TABLES`.

    Args:
        path: The file; relative paths in it resolve against its folder.
        shown: The path as the user named it.

    Raises:
        DataError: The file is empty, or not in the format its extension says.
    """
    check_file(path, shown)
    cells, class_names = TABLES[path.suffix.lower()](path, shown)
    if not cells or not any(len(column) for column in cells.values()):
        raise DataError(
            f"{shown} holds no rows", next="give a table with a header and one row per picture"
        )
    return Columns(shown, path.parent, cells, class_names)


Parsed = tuple[dict[str, list[object]], dict[str, tuple[str, ...]]]


def _csv(path: Path, shown: str) -> Parsed:
    names, columns = read_csv(path, shown)
    return dict(zip(_once(names, shown), columns, strict=True)), {}


def _json_lines(path: Path, shown: str) -> Parsed:
    """One object per line; a key that a line lacks is a missing cell."""
    try:
        with path.open("rb") as file:
            rows = [_object(line, shown) for line in _lines(file, shown)]
    except OSError as error:
        raise _unreadable(shown, "JSON lines in UTF-8", error) from error
    names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
    if not names and rows:
        raise DataError(
            f"{shown} holds no line that can be read: {_reason(rows[0])}",
            allowed="one JSON object per line, in UTF-8",
            next='write each row as {"path": ..., "label": ...}',
        )
    _check_columns(len(names), shown)
    if len(names) * len(rows) > MOST_CELLS:
        raise DataError(
            f"{shown} has {len(names):,} different keys in {len(rows):,} lines",
            allowed=f"at most {MOST_CELLS:,} cells",
            next="give every line the same keys",
        )
    return {name: [_cell(row, name) for row in rows] for name in names}, {}


def _lines(file: BinaryIO, shown: str) -> Iterator[bytes]:
    """The lines that are not blank.

    Raises:
        DataError: One is too long.
    """
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise DataError(
                f"{shown}, line {number}, is longer than {LONGEST_LINE / 2**20:.0f} MB",
                allowed="one JSON object per line",
                next="write one row a line, and pictures as paths",
            )
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield line


def _object(line: bytes, shown: str) -> dict[str, object] | Unreadable:
    """The row, or why it is none."""
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Unreadable("", "the line is not text in UTF-8")
    except RecursionError:
        return Unreadable("", "the line is nested too deeply")
    except ValueError as error:
        return Unreadable("", f"the line is no JSON: {str(error).splitlines()[0][:80]}")
    if not isinstance(value, dict):
        return Unreadable("", f"the line holds a {type(value).__name__}, not a JSON object")
    _check_columns(len(value), shown)
    return value


def _cell(row: dict[str, object] | Unreadable, name: str) -> object:
    return row if isinstance(row, Unreadable) else row.get(name)


def _reason(row: object) -> str:
    return row.reason if isinstance(row, Unreadable) else "it has no names"


def _check_columns(count: int, shown: str) -> None:
    if count > MOST_COLUMNS:
        raise DataError(
            f"{shown} has {count:,} columns",
            allowed=f"at most {MOST_COLUMNS:,}",
            next="give a table of inputs and labels, and arrays as an .npz archive",
        )


def _parquet(path: Path, shown: str) -> Parsed:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        _check_columns(file.metadata.num_columns, shown)
        cells: dict[str, list[object]] = {n: [] for n in _once(file.schema_arrow.names, shown)}
        # A few bytes may stand for any number of equal cells.
        packed = max(SMALL_BYTES, MOST_PACKED * path.stat().st_size)
        size, most = 0, min(spare_memory() // 2, packed)
        for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if pa.types.is_dictionary(column.type):
                    column = column.cast(column.type.value_type)
                size += column.nbytes
                if size > most:
                    raise _too_large(shown, most)
                cells[name] += column.to_pylist()
        metadata = file.schema_arrow.metadata or {}
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise _unreadable(shown, "a Parquet file", error) from error
    return cells, _class_names(metadata)


def _too_large(shown: str, most: int) -> DataError:
    return DataError(
        f"{shown} holds more than {most / 2**30:.1f} GB once it is unpacked",
        allowed=f"half of the free memory, packed no more than {MOST_PACKED} times",
        next="give pictures as paths, or divide the table",
    )


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Class names that the `datasets` library writes into a Parquet file's schema."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            str(name): tuple(str(label) for label in feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # written by something else


def _once(names: list[str], shown: str) -> list[str]:
    doubled = sorted({name for name, count in Counter(names).items() if count > 1})
    if doubled:
        raise DataError(
            f"{shown} has several columns named {', '.join(doubled[:10])}",
            allowed="each column name once",
            next="rename or remove one of them",
        )
    return names


def _unreadable(shown: str, allowed: str, error: Exception) -> DataError:
    detail = (str(error) or type(error).__name__).splitlines()[0][:200]
    return DataError(f"{shown} cannot be read: {detail}", allowed=allowed, next="repair the file")


TABLES: dict[str, Callable[[Path, str], Parsed]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
