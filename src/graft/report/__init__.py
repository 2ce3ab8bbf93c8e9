"""The report of a run: result, history and pictures -> plain dict -> HTML and Markdown.

`summarize` alone decides what is said; the two renderers only show it, so they carry the same
figures. Nothing here measures: every number comes from `result.json` or `history.jsonl`.
"""

from graft.report.html import render_html
from graft.report.markdown import render_markdown
from graft.report.summarize import summarize
from graft.report.write import write_report

__all__ = ["render_html", "render_markdown", "summarize", "write_report"]
