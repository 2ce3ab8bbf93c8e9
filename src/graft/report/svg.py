"""A matplotlib figure as a piece of inline SVG that follows the page's colours.

Figures are drawn with place-holder colours that become CSS variables, so one drawing serves light
and dark. Text stays text: it is searchable, and set in the page's own font.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010101"
MUTED = "#020202"
GRID = "#030303"
ACCENT = "#040404"
SECOND = "#050505"
ON_ACCENT = "#060606"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
    ON_ACCENT: "var(--on-accent)",
}

_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Margins:
    """Room around the axes, in inches."""

    left: float
    bottom: float
    right: float = 0.12
    top: float = 0.1

    def shares(self, size: tuple[float, float]) -> dict[str, float]:
        """The margins as matplotlib wants them: edges as shares of the figure."""
        width, height = size
        return {
            "left": self.left / width,
            "right": 1 - self.right / width,
            "bottom": self.bottom / height,
            "top": 1 - self.top / height,
        }


_POINT = 96 / 72  # CSS pixels per point


def draw(
    size: tuple[float, float], margins: Margins, paint: Callable[[Figure], None], alt: str
) -> str:
    """Draws a figure and returns it as inline SVG; the same input gives the same bytes.

    Args:
        size: Width and height in inches.
        margins: Room for the labels. Given, not measured: measuring draws every figure twice.
        paint: Draws on the empty figure.
        alt: What the figure shows, for those who cannot see it; unique on its page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A context of its own: neither a matplotlibrc nor the caller's settings reach the report.
    with mpl.rc_context(), warnings.catch_warnings():
        # The browser brings the fonts; matplotlib only measures with its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        settings: Any = mpl.rcParams  # its keys are typed as a closed set that differs by release
        settings.update({**_SETTINGS, "svg.hashsalt": alt})
        figure = Figure(figsize=size)
        figure.subplots_adjust(**margins.shares(size))
        paint(figure)
        out = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    return _inline(out.getvalue(), alt)


def _inline(document: str, alt: str) -> str:
    root = ET.fromstring(document)
    _drop_page_styles(root)
    used = set(re.findall(r"#([A-Za-z]\w+)", document))
    for element in root.iter():
        _tidy(element, used)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": f"0 0 {width} {height}",
            "width": f"{float(width) * _POINT:.0f}",
            "height": f"{float(height) * _POINT:.0f}",
            "role": "img",
            "aria-label": alt,
        }
    )
    return ET.tostring(root, encoding="unicode")


def _drop_page_styles(root: ET.Element) -> None:
    # A <style> inside inline SVG would apply to the whole page.
    for parent in root.iter():
        for child in [child for child in parent if child.tag.endswith("}style")]:
            parent.remove(child)


def _tidy(element: ET.Element, used: set[str]) -> None:
    element.tag = element.tag.rpartition("}")[2]
    if element.tag != "text":
        element.text = None
    element.tail = None
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    if "style" in attributes:
        style = re.sub(r" ?font-family: [^;]+;", "", attributes["style"])
        attributes["style"] = re.sub(r"#0[1-6]0[1-6]0[1-6]", _variable, style)
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    element.attrib.clear()
    element.attrib.update(attributes)


def _variable(colour: re.Match[str]) -> str:
    return _VARIABLES.get(colour.group(), colour.group())
