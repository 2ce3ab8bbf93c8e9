"""Sizes, shapes and modes against the backbone, and what they give away about the class."""

from __future__ import annotations

from collections import Counter

import numpy as np

from graft.doctor.checks.giveaway import given_away, telling_classes
from graft.doctor.finding import Finding, first, plural
from graft.doctor.patient import PicturePatient

SMALL_SHARE = 0.25
"""A picture is tiny whose shorter side is less than this share of the median's and the input's."""
ELONGATED = 4.0
RARE_SHARE = 0.1
FEWEST_MARKED, MARKED_SHARE, SAME_COLOUR = 10, 0.98, 4
"""Pictures of a class, the share of them with one colour at a place, and how far it may vary."""
MODES = {"1": "grey", "L": "grey", "LA": "grey", "RGB": "colour", "RGBA": "colour", "P": "colour"}


def tiny(patient: PicturePatient) -> list[Finding]:
    """Pictures far smaller than the others and than the backbone's input."""
    sides = _short_sides(patient)
    if not sides:
        return []
    limit = SMALL_SHARE * min(float(np.median(list(sides.values()))), min(patient.spec.size))
    rows = [row for row, side in sides.items() if side < limit]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {_size(patient, row)}" for row in rows]
    what = f"{plural(len(rows), 'picture')} far smaller than the others"
    advice = "look whether they are previews or placeholders"
    return [Finding("tiny-pictures", "fault", what, len(rows), advice, first(shown))]


def enlarged(patient: PicturePatient) -> list[Finding]:
    """Most pictures less than half as large as the backbone's input."""
    sides = _short_sides(patient)
    wanted = min(patient.spec.size)
    small = [row for row, side in sides.items() if 2 * side < wanted]
    if len(small) <= len(sides) / 2:
        return []
    what = f"{plural(len(small), 'picture')} are less than half of the backbone's {wanted} pixels"
    advice = "nothing, or a smaller --size: they are enlarged, which costs time and adds nothing"
    shown = [f"{patient.name(row)}: {_size(patient, row)}" for row in small]
    return [Finding("enlarged", "note", what, len(small), advice, first(shown))]


def elongated(patient: PicturePatient) -> list[Finding]:
    """Pictures so long that the crop or the squeeze loses most of them."""
    sizes = {row: (f.width, f.height) for row, f in enumerate(patient.seen.facts) if f}
    rows = [row for row, size in sizes.items() if max(size) > ELONGATED * min(size)]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {_size(patient, row)}" for row in rows]
    how = "squeezed" if patient.spec.crop_mode == "squash" else "cropped to their middle"
    what = f"{plural(len(rows), 'picture')} more than {ELONGATED:.0f} times longer than wide"
    advice = f"cut them first: they are {how}"
    return [Finding("elongated", "note", what, len(rows), advice, first(shown))]


def mixed_modes(patient: PicturePatient) -> list[Finding]:
    """A few grey pictures among colour ones, or the other way round; unusual modes."""
    kinds = {row: MODES.get(f.mode, f.mode) for row, f in enumerate(patient.seen.facts) if f}
    counts = Counter(kinds.values())
    rare = [kind for kind, count in counts.items() if count < RARE_SHARE * len(kinds)]
    rows = [row for row, kind in kinds.items() if kind in rare]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {kinds[row]}" for row in rows]
    what = f"{plural(len(rows), 'picture')} of another mode than the rest ({', '.join(rare)})"
    advice = "nothing: all are converted; look whether they belong to the set"
    return [Finding("mixed-modes", "note", what, len(rows), advice, first(shown))]


def telltale(patient: PicturePatient) -> list[Finding]:
    """A class that can be told by the files' size, mode or format alone."""
    if not patient.has_classes():
        return []
    found = []
    for trait, values in _traits(patient).items():
        classes = given_away(patient.labels(), values)
        if classes:
            what = f"The {trait} of the files gives away {plural(len(classes), 'class', 'classes')}"
            advice = "a model may learn that instead of the content: make all pictures alike"
            found.append(Finding("telltale", "fault", what, len(classes), advice, first(classes)))
    return found


def marked(patient: PicturePatient) -> list[Finding]:
    """Classes whose pictures all have one colour at a place where hardly any other picture has it:
    a border, a stamp, a date."""
    small = patient.seen.thumbnails.astype(np.int16)
    if not patient.has_classes() or len(small) != len(patient.examples):
        return []
    numbers, names = np.asarray(patient.examples.targets), patient.examples.labels
    telling = []
    for number, name in enumerate(names):
        own, others = small[numbers == number], small[numbers != number]
        if min(len(own), len(others)) >= FEWEST_MARKED:
            usual = np.median(own, axis=0)
            inside = (np.abs(own - usual).max(axis=3) <= SAME_COLOUR).mean(axis=0)
            outside = (np.abs(others - usual).max(axis=3) <= SAME_COLOUR).mean(axis=0)
            places = np.argwhere((inside >= MARKED_SHARE) & (outside <= 1 - MARKED_SHARE))
            if len(places):
                row, column = (places.mean(axis=0) / small.shape[1]).tolist()
                telling.append(f"{name}: {_where(row, column)}")
    advice = "look whether a border, a stamp or a background is part of the content; else remove it"
    return telling_classes(
        "telltale-place", "note", "One place of the pictures gives away", telling, advice
    )


def _where(row: float, column: float) -> str:
    """
    >>> _where(0.9, 0.5)
    'below, in the middle'
    """
    across = "left" if column < 1 / 3 else "right" if column > 2 / 3 else "in the middle"
    return f"{'above' if row < 1 / 3 else 'below' if row > 2 / 3 else 'half-way'}, {across}"


def _traits(patient: PicturePatient) -> dict[str, list[str | None]]:
    facts = patient.seen.facts
    return {
        "size": [f"{f.width}x{f.height}" if f else None for f in facts],
        "mode": [MODES.get(f.mode, f.mode) if f else None for f in facts],
        "format": [kind or None for kind in patient.seen.formats],
    }


def _short_sides(patient: PicturePatient) -> dict[int, int]:
    return {r: min(f.width, f.height) for r, f in enumerate(patient.seen.facts) if f}


def _size(patient: PicturePatient, row: int) -> str:
    facts = patient.seen.facts[row]
    return f"{facts.width}x{facts.height}" if facts else "unknown"
