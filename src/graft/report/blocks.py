"""What a section is made of: a handful of plain dicts that every renderer knows how to show.

A cell is a text, or a dict with `text` (kept on one line) and perhaps `share` (a bar from 0 to 1),
or `value`, `low` and `high` (a dot with its interval on the scale from 0 to 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graft.report.pictures import data_uri, is_tiny
from graft.report.words import with_interval
from graft.types import Json

Cell = str | Json
MOST_ROWS = 200


def text(words: str) -> Json:
    """A paragraph."""
    return {"kind": "text", "text": words}


def facts(pairs: Sequence[tuple[str, str]]) -> Json:
    """Names with their values."""
    return {"kind": "facts", "pairs": [list(pair) for pair in pairs]}


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, folded: bool = False
) -> Json:
    """A table; its first column names the row. Rows past `MOST_ROWS` are counted, not shown."""
    more = len(rows) - MOST_ROWS
    return {
        "kind": "table",
        "title": title,
        "columns": list(columns),
        "rows": [list(row) for row in rows[:MOST_ROWS]],
        "folded": folded,
        "more": f"and {more:,} more in result.json" if more > 0 else "",
    }


def charts(entries: Sequence[Json]) -> Json:
    """Charts side by side; build each with `chart`."""
    return {"kind": "charts", "charts": list(entries)}


def chart(name: str, caption: str, alt: str, data: Json) -> Json:
    """One chart: a name in `figures.CHARTS`, what it shows, and the data that it draws."""
    return {"name": name, "caption": caption, "alt": alt, "data": data}


def gallery(title: str, entries: Sequence[Json]) -> Json:
    """Pictures with captions; build each entry with `captioned`."""
    return {"kind": "gallery", "title": title, "entries": list(entries)}


def captioned(picture: bytes | None, alt: str, pairs: Sequence[tuple[str, str]]) -> Json:
    """A picture (or its absence) with the facts beneath it."""
    return {
        "picture": data_uri(picture),
        "tiny": is_tiny(picture),
        "alt": alt,
        "facts": [list(pair) for pair in pairs],
    }


def listing(title: str, entries: Sequence[str], more: str = "") -> Json:
    """A list of short texts; `more` says what was left out."""
    return {"kind": "listing", "title": title, "entries": list(entries), "more": more}


def strip(entries: Sequence[Json]) -> Json:
    """The network's blocks in order; each entry has `name`, `note` and `trained`."""
    return {"kind": "strip", "entries": list(entries)}


def code(title: str, language: str, source: str, *, folded: bool = False) -> Json:
    """Something to copy."""
    return {
        "kind": "code",
        "title": title,
        "language": language,
        "source": source.strip("\n"),
        "folded": folded,
    }


def unbroken(words: str) -> Json:
    """A cell on one line."""
    return {"text": words}


def bar(words: str, share: float) -> Json:
    """A cell with a bar behind it."""
    return {"text": words, "share": round(min(max(share, 0.0), 1.0), 4)}


def spread(figure: Json) -> Cell:
    """A cell with a share, its interval in words, and both as a mark on a scale."""
    words = with_interval(figure, in_percent=True)
    ends: list[Any] = [figure.get(name) for name in ("value", "low", "high")]
    if not all(isinstance(end, int | float) for end in ends):
        return words
    value, low, high = (round(min(max(float(end), 0.0), 1.0), 4) for end in ends)
    return {"text": words, "value": value, "low": low, "high": high}


def measured(figure: Json, *, in_percent: bool) -> Cell:
    """A cell with a figure: a share as `spread` shows it, else a number with its interval."""
    return spread(figure) if in_percent else unbroken(with_interval(figure, in_percent=False))


def section(name: str, title: str, parts: Sequence[Json]) -> Json:
    """A titled part of the report; `name` is its anchor."""
    return {"name": name, "title": title, "blocks": list(parts)}
