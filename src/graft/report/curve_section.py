"""How training went: loss and accuracy of every phase, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from graft.report import blocks
from graft.report.reading import number, part, records, word
from graft.report.words import ABSENT, decimal, duration, metric, percent
from graft.types import Json

_LOSSES = (("loss", "train"), ("validation_loss", "validation"))
_ACCURACIES = (("accuracy", "train"), ("validation_accuracy", "validation"))


def curves(result: Json, history: Sequence[Json]) -> Json:
    """The section `Training`."""
    phases = _by_phase(history)
    exact = [
        f"Phase “{word(phase, 'name')}” was solved exactly, in one step: it has no curve."
        for phase in records(part(result, "plan"), "phases")
        if word(phase, "solver") == "exact"
    ]
    pieces = [blocks.text(sentence) for sentence in exact]
    drawn = [chart for name, rows in phases.items() for chart in _charts(result, name, rows)]
    if drawn:
        pieces += [blocks.charts(drawn), _table(phases)]
    elif not exact:
        pieces.append(blocks.text("No epochs were recorded."))
    return blocks.section("training", "Training", pieces)


def _by_phase(history: Sequence[Json]) -> dict[str, list[Json]]:
    """Rows in order of epoch; a resumed epoch replaces its first attempt."""
    phases: dict[str, dict[float, Json]] = {}
    for row in history:
        epoch = number(row, "epoch")
        if epoch is not None:
            phases.setdefault(word(row, "phase", "training"), {})[epoch] = row
    return {name: [rows[key] for key in sorted(rows)] for name, rows in phases.items()}


def _charts(result: Json, phase: str, rows: list[Json]) -> list[Json]:
    planned = records(part(result, "plan"), "phases")
    best = next((row.get("best_epoch") for row in planned if row.get("name") == phase), None)
    kinds = (("Loss", _LOSSES, False), ("Accuracy", _ACCURACIES, True))
    return [
        blocks.chart(
            "curve",
            f"{quantity}, phase “{phase}”",
            f"{quantity} per epoch in phase {phase}",
            {
                "quantity": quantity,
                "in_percent": in_percent,
                "epochs": [row["epoch"] for row in rows],
                "best": best,
                "series": series,
            },
        )
        for quantity, lines, in_percent in kinds
        if (series := _series(rows, lines))
    ]


def _series(rows: list[Json], lines: Sequence[tuple[str, str]]) -> list[Json]:
    found = [{"name": name, "values": [number(row, key) for row in rows]} for key, name in lines]
    return [line for line in found if any(value is not None for value in line["values"])]


def _table(phases: dict[str, list[Json]]) -> Json:
    everything = [(phase, row) for phase, rows in phases.items() for row in rows]
    skipped = ("phase", "epoch", "seconds")
    keys = list(dict.fromkeys(key for _, row in everything for key in row if key not in skipped))
    rows: list[list[blocks.Cell]] = [
        [
            phase,
            word(row, "epoch"),
            *(_figure(row, key) for key in keys),
            duration(number(row, "seconds")),
        ]
        for phase, row in everything
    ]
    columns = ["Phase", "Epoch", *(_heading(key) for key in keys), "Time"]
    return blocks.table("Every epoch in numbers", columns, rows, folded=True)


def _heading(key: str) -> str:
    return "Learning rate" if key == "lr" else metric(key).title


def _figure(row: Json, key: str) -> str:
    value = number(row, key)
    if value is None:
        return word(row, key, ABSENT)
    if "accuracy" in key:
        return percent(value)
    return decimal(value, 4) if key != "lr" else f"{value:.2g}"
