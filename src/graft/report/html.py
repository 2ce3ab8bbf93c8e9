"""The summary as one self-contained HTML file: no script, no address outside the file."""

from __future__ import annotations

from graft.report.figures import CHARTS
from graft.types import Json


def render_html(summary: Json) -> str:
    """The whole page; the same summary gives the same text.

    Args:
        summary: What `summarize` returns.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("graft.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _svg
    return environment.get_template("report.html.j2").render(summary=summary)


def _svg(chart: Json) -> object:
    from markupsafe import Markup

    return Markup(CHARTS[chart["name"]](chart["data"], chart["alt"]))
