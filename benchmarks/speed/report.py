"""The measured document, and what is written from it: JSON, a Markdown table, a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.machine import sentence
from benchmarks.speed.measure import MOST_FOREIGN
from benchmarks.speed.summary import Figure, Measured, Row, measure, medians
from benchmarks.speed.workloads import Settings, Workload
from graft.types import Json

# Columns of the second table where a variant has them: key, heading, format.
_COLUMNS = (
    ("seconds", "seconds", "{:.1f}"),
    ("bare", "bare", "{:.1f}"),
    ("rate", "pictures/s", "{:.1f}"),
    ("cpu_seconds", "CPU s", "{:.1f}"),
    ("rss_gb", "peak RSS, GB", "{:.2f}"),
    ("anonymous_gb", "peak anonymous, GB", "{:.2f}"),
    ("accuracy", "accuracy", "{:.3f}"),
)


def document(workload: Workload, settings: Settings, machine: Json, rows: Sequence[Row]) -> Json:
    """Everything that was measured, as JSON values."""
    figures = [(figure, measure(figure, rows)) for figure in workload.figures]
    return {
        "workload": workload.name,
        "title": workload.title,
        "machine": machine,
        "settings": {**asdict(settings), "data": settings.data.name},
        "figures": [_figure(figure, found) for figure, found in figures],
        "medians": medians(rows),
        "rows": [asdict(row) for row in rows],
        "notes": list(workload.notes),
        "quantity": workload.quantity,
    }


def _figure(figure: Figure, found: Measured | None) -> Json:
    asked = {"text": figure.text, "asked": figure.asked, "at_least": figure.at_least}
    return {**asked, "measured": asdict(found) if found else None}


def write(found: Json, folder: Path) -> Path:
    """Write NAME.json, NAME.md and NAME.png; returns the Markdown file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = found["workload"]
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    plot(found, folder / f"{name}.png")
    path = folder / f"{name}.md"
    path.write_text(markdown(found), encoding="utf-8")
    return path


def markdown(found: Json) -> str:
    """Ratios first, then what they were made of."""
    settings = found["settings"]
    parts = [
        f"# {found['title']}\n",
        f"{sentence(found['machine'])}. {settings['threads']} threads each, "
        f"{settings['repeats']} rounds, all variants in each. The clock runs from process start "
        "to the test accuracy.\n",
        figures_table(found["figures"]),
        rows_table(found),
        f"![{found['title']}]({found['workload']}.png)\n",
        *(f"{note}\n" for note in found["notes"]),
        f"{versions(found['machine'])}\n",
    ]
    return "\n".join(parts)


def figures_table(figures: Sequence[Json]) -> str:
    """What was asked for and what was measured: the median over rounds, and the range."""
    lines = ["| figure | asked | measured | range |", "|---|---|---|---|"]
    for figure in figures:
        asked = f"{'at least' if figure['at_least'] else 'at most'} {figure['asked']:g}"
        lines.append(f"| {figure['text']} | {asked} | {_measured(figure['measured'])} |")
    return "\n".join(lines) + "\n"


def _measured(found: Json | None) -> str:
    if found is None:
        return "not measured | "
    marks = (" (not reached)" if not found["reached"] else "") + (
        " (disturbed)" if found["disturbed"] else ""
    )
    return f"**{found['value']:.3g}**{marks} | {found['low']:.3g} to {found['high']:.3g}"


def rows_table(found: Json) -> str:
    """Medians by variant, with the largest share of the machine that others took."""
    rows, middle = found["rows"], found["medians"]
    columns = [c for c in _COLUMNS if any(c[0] in values for values in middle.values())]
    heads = ["variant", *(heading for _, heading, _ in columns), "foreign CPU", "what it did"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, values in middle.items():
        of_variant = [row for row in rows if row["variant"] == name]
        cells = [form.format(values[key]) if key in values else "" for key, _, form in columns]
        foreign = max(row["foreign"] for row in of_variant)
        bad = sum(row["disturbed"] for row in of_variant)
        disturbed = f" ({bad} of {len(of_variant)} disturbed)" if bad else ""
        note = of_variant[-1]["note"]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {foreign:.2f}{disturbed} | {note} |",
        )
    legend = f"Foreign CPU: processors that others used; above {MOST_FOREIGN} a run is disturbed."
    return "\n".join([*lines, "", legend]) + "\n"


def versions(machine: Json) -> str:
    """The packages that took part."""
    shown = [
        f"{environment}: " + ", ".join(f"{name} {number}" for name, number in found.items())
        for environment, found in machine["versions"].items()
    ]
    return "Versions. " + "; ".join(shown) + "."


def plot(found: Json, path: Path) -> None:
    """A bar per variant, the shortest on top; graft's own in another colour."""
    from matplotlib.figure import Figure as Drawing

    quantity = found["quantity"]
    bars = [(n, values[quantity]) for n, values in found["medians"].items() if quantity in values]
    bars.sort(key=lambda bar: bar[1], reverse=True)
    heading = next(heading for key, heading, _ in _COLUMNS if key == quantity)
    drawing = Drawing(figsize=(8, 1.2 + 0.38 * len(bars)), layout="constrained")
    axes = drawing.subplots()
    colours = ["#2a7f62" if "graft" in name else "#9aa5b1" for name, _ in bars]
    drawn = axes.barh([name for name, _ in bars], [value for _, value in bars], color=colours)
    axes.bar_label(drawn, fmt="{:.3g}", padding=3)
    axes.margins(x=0.12)
    axes.set_xlabel(heading)
    axes.set_title(found["title"], loc="left", fontsize=9, wrap=True)
    axes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, dpi=110, metadata={"Software": None})
