"""JSON files from elsewhere: of a sane size and depth, or an error."""

from __future__ import annotations

import json
from pathlib import Path

from graft.files import plain
from graft.types import Json

# The largest tokenizer in use, of a quarter million tokens, takes 17 MB.
MOST_BYTES = 2**27


def read_object(path: Path) -> Json:
    """The one JSON object in a file.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is too large, nested too deeply, not UTF-8, not JSON, or no object.
    """
    fields = read_value(path)
    if not isinstance(fields, dict):
        raise ValueError("it holds no JSON object")
    return fields


def read_value(path: Path) -> object:
    """The JSON value in a file.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is too large, nested too deeply, not UTF-8 or not JSON.
    """
    size = plain(path).stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, more than {MOST_BYTES:,}")
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value
