"""Markdown: tables stay tables, and nothing in a name becomes markup."""

from __future__ import annotations

import re

from report_samples import history, result

from graft.report import render_markdown, summarize


def test_names_cannot_break_tables_or_become_markup() -> None:
    built = result(2)
    built["per_class"][0]["label"] = "a|b\n`c` *d* <img src=x> [e](f)"
    text = render_markdown(summarize(built, [], {}))
    assert r"| a\|b \`c\` \*d\* &lt;img src=x> \[e\](f) | 36 |" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    text = render_markdown(summarize(result(), history(), {}))
    tables = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 11
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1


def test_fence_outlasts_the_backticks_inside_it() -> None:
    built = result(2) | {"model": {"format": "timm", "load": 'print("""\n```\n""")'}}
    text = render_markdown(summarize(built, [], {}))
    assert '````python\nprint("""\n```\n""")\n````' in text
