"""The summary as Markdown: the same figures as the page, readable in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from graft.types import Json

# Underscores stay: inside a word they mean nothing, and class names are full of them.
_SPECIAL = re.compile(r"([\\`*\[\]|])")


def render_markdown(summary: Json) -> str:
    """The whole report as GitHub-flavoured Markdown, without pictures.

    Args:
        summary: What `summarize` returns.
    """
    lines = [f"# {_plain(summary['title'])}", _plain(summary["subtitle"])]
    lines += [f"> **Warning:** {_plain(warning)}" for warning in summary["warnings"]]
    verdict = summary["verdict"]
    lines += [f"**{_plain(summary['headline'])}**"]
    lines += [f"**{_plain(verdict['title'])}.** {_plain(verdict['text'])}"]
    lines += ["\n".join(_figure(figure) for figure in summary["figures"])]
    for section in summary["sections"]:
        lines.append(f"## {_plain(section['title'])}")
        lines += [_BLOCKS[block["kind"]](block) for block in section["blocks"]]
    return "\n\n".join(line for line in lines if line) + "\n"


def _plain(text: str) -> str:
    one_line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", one_line).replace("&", "&amp;").replace("<", "&lt;")


def _figure(figure: Json) -> str:
    note = f" ({_plain(figure['note'])})" if figure["note"] else ""
    return f"- {_plain(figure['name'])}: {_plain(figure['value'])}{note}"


def _text(block: Json) -> str:
    return _plain(block["text"])


def _facts(block: Json) -> str:
    return "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in block["pairs"])


def _table(block: Json) -> str:
    return _titled(block["title"], _grid(block["columns"], block["rows"]), block["more"])


def _grid(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    shown = [lines[0], lines[1], *lines[2:]]
    return "\n".join(f"| {' | '.join(map(_keep_rule, line))} |" for line in shown)


def _keep_rule(text: str) -> str:
    return text if text == "---" else _plain(text)


def _cell(cell: Any) -> str:
    return str(cell["text"]) if isinstance(cell, dict) else str(cell)


def _titled(title: str, body: str, more: str = "") -> str:
    parts = [f"### {_plain(title)}" if title else "", body, _plain(more)]
    return "\n\n".join(part for part in parts if part)


def _charts(block: Json) -> str:
    return "\n".join(f"- Chart: {_plain(chart['caption'])}" for chart in block["charts"])


def _gallery(block: Json) -> str:
    entries = block["entries"]
    columns = [name for name, _ in entries[0]["facts"]]
    return _titled(block["title"], _grid(columns, [[v for _, v in e["facts"]] for e in entries]))


def _listing(block: Json) -> str:
    body = "\n".join(f"- {_plain(entry)}" for entry in block["entries"])
    return _titled(block["title"], body, block["more"])


def _strip(block: Json) -> str:
    # One sign per block: a full one trains, a light one is frozen.
    signs = "".join("█" if entry["trained"] else "░" for entry in block["entries"])
    return f"`{signs}` (░ frozen, █ trained)"


def _code(block: Json) -> str:
    runs = [len(run) for run in re.findall("`+", block["source"])]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return _titled(block["title"], f"{fence}{block['language']}\n{block['source']}\n{fence}")


_BLOCKS: dict[str, Callable[[Json], str]] = {
    "text": _text,
    "facts": _facts,
    "table": _table,
    "charts": _charts,
    "gallery": _gallery,
    "listing": _listing,
    "strip": _strip,
    "code": _code,
}
