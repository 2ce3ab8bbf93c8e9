"""The columns of a table: constant ones, and whether the right one was taken for the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graft.data.labels import is_fraction, is_integer
from graft.doctor.finding import Finding, Severity, first, plural

Cells = Mapping[str, Sequence[object]]
LOOKED_AT = 1000
FEWEST_WORDS, RATIO = 3.0, 3.0
"""A column of fewer words is doubtful where another has so many times more."""
NUMBER_SHARE = 0.9


def look_at_columns(cells: Cells, roles: Mapping[str, str], texts: bool) -> list[Finding]:
    """What a table's columns make doubtful.

    Args:
        cells: Column name to cells.
        roles: Column name to what it is taken for; see `graft.data.columns.roles`.
        texts: Whether the input column is read as texts.
    """
    found = constant(cells, roles)
    return found + wrong_input(cells, roles) if texts else found


def constant(cells: Cells, roles: Mapping[str, str]) -> list[Finding]:
    """Columns that say the same in every row."""
    same = [
        name
        for name, column in cells.items()
        if roles.get(name) != "label" and len(column) > 1 and _is_constant(column)
    ]
    if not same:
        return []
    shown = [f"{name} ({roles.get(name, 'unused')}): {cells[name][0]!r:.60}" for name in same]
    what = f"{plural(len(same), 'column')} with the same in every row"
    serious = any(roles.get(name) in ("input", "group") for name in same)
    advice = "name other columns" if serious else "nothing: such columns are not used"
    severity: Severity = "fault" if serious else "note"
    return [Finding("constant-columns", severity, what, len(same), advice, first(shown))]


def wrong_input(cells: Cells, roles: Mapping[str, str]) -> list[Finding]:
    """A column of numbers, codes or single words taken for the text, beside one of prose."""
    inputs = [name for name, role in roles.items() if role == "input"]
    others = [name for name, role in roles.items() if role == "unused"]
    best = max(others, key=lambda name: _words(cells[name]), default=None)
    for name in inputs:
        few = _words(cells[name])
        if few >= FEWEST_WORDS and not _are_numbers(cells[name]):
            continue
        doubtful = _are_numbers(cells[name])
        better = best is not None and _words(cells[best]) >= max(FEWEST_WORDS, RATIO * few)
        if not doubtful and not better:
            continue
        shown = [f"{name}: {cell!r:.60}" for cell in cells[name][:2]]
        shown += [f"{best}: {cell!r:.60}" for cell in cells[best][:2]] if better and best else []
        what = f"Column '{name}' is taken for the text, and holds " + (
            "numbers" if doubtful else f"{few:.1f} words a row"
        )
        advice = f"say --input {best}" if better else "name the column of texts with --input"
        return [Finding("wrong-column", "fault", what, 1, advice, first(shown))]
    return []


def _is_constant(column: Sequence[object]) -> bool:
    start = column[0]
    return all(type(cell) is type(start) and _same(cell, start) for cell in column)


def _same(cell: object, other: object) -> bool:
    return isinstance(cell, (str, int, float, bool, type(None))) and cell == other


def _words(column: Sequence[object]) -> float:
    """Mean words of the texts; 0 where there are none."""
    texts = [cell for cell in column[:LOOKED_AT] if isinstance(cell, str) and cell.strip()]
    return sum(len(text.split()) for text in texts) / len(texts) if texts else 0.0


def _are_numbers(column: Sequence[object]) -> bool:
    filled = [str(cell).strip() for cell in column[:LOOKED_AT] if cell not in (None, "")]
    numbers = sum(is_integer(text) or is_fraction(text) for text in filled)
    return bool(filled) and numbers >= NUMBER_SHARE * len(filled)
