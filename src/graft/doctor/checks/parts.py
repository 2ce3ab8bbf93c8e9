"""The declared split and its groups."""

from __future__ import annotations

from graft.doctor.finding import Finding, Severity, first, plural
from graft.doctor.patient import Patient, equal_pairs

PARTS = ("train", "validation", "test")
FEWEST_TEST = 50


def groups_across(patient: Patient) -> list[Finding]:
    """A group on two sides of a declared split."""
    groups, parts = patient.examples.groups, patient.examples.parts
    if groups is None or not any(parts):
        return []
    keys = list(zip(groups.tolist(), parts, strict=True))
    later = {row for _, row in equal_pairs(keys)}
    firsts = [None if row in later else group for row, (group, _) in enumerate(keys)]
    pairs = equal_pairs(firsts)
    if not pairs:
        return []
    shown = [f"{patient.pair_name(p)}: {parts[p[0]]} / {parts[p[1]]}" for p in pairs]
    what = f"{plural(len(pairs), 'group')} on two sides of the split"
    advice = "leave the split column away, so that graft keeps groups together"
    return [Finding("groups-across", "fault", what, len(pairs), advice, first(shown))]


def useless_groups(patient: Patient) -> list[Finding]:
    """One group for all rows: nothing can be held out."""
    groups = patient.examples.groups
    if groups is None or len(set(groups.tolist())) > 1:
        return []
    what = "All rows are of one group, so none can be held out"
    return [Finding("one-group", "fault", what, 1, "name another column with --group")]


def missing_classes(patient: Patient) -> list[Finding]:
    """Classes that a declared part lacks, or that no training row has."""
    if not patient.has_classes() or not any(patient.examples.parts):
        return []
    bearing: dict[str, set[str]] = {part: set() for part in PARTS}
    for row, label in enumerate(patient.labels()):
        part = patient.examples.parts[row] or "train"
        if label is not None:
            bearing[part].add(label)
    found = []
    for part in PARTS:
        lacking = [name for name in patient.examples.labels if name not in bearing[part]]
        if not bearing[part] or not lacking:
            continue
        severity: Severity = "fault" if part == "train" else "note"
        classes = plural(len(lacking), "class", "classes")
        what = f"{classes} without a {patient.noun} in the {part} part"
        advice = "add some there" if part == "train" else "its figures say nothing about them"
        shown = first(lacking)
        found.append(Finding("missing-classes", severity, what, len(lacking), advice, shown))
    return found


def small_test(patient: Patient) -> list[Finding]:
    """A declared test part too small for a useful interval."""
    count = sum(part == "test" for part in patient.examples.parts)
    if not 0 < count < FEWEST_TEST:
        return []
    half = 0.98 / count**0.5
    what = f"The test part has {plural(count, patient.noun)}"
    advice = f"expect figures to be uncertain by up to {half:.2f}"
    return [Finding("small-test", "note", what, count, advice)]
