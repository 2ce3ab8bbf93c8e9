"""Labels: too few examples, spellings that differ by accident, columns that name every row."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

from graft.doctor.finding import Finding, first, plural
from graft.doctor.patient import Patient

FEWEST = 5
"""Rows of a class below which neither training nor a test says much."""
LARGEST_RATIO = 20.0
IDENTIFIER_SHARE = 0.5


def one_class(patient: Patient) -> list[Finding]:
    """Nothing to tell apart."""
    if not patient.has_classes() or len(patient.examples.class_counts()) > 1:
        return []
    names = tuple(patient.examples.class_counts())
    what = f"{patient.examples.source} holds {plural(len(names), 'class', 'classes')}"
    advice = "add rows of another class, such as 'other'"
    return [Finding("one-class", "fault", what, len(names), advice, names)]


def tiny_classes(patient: Patient) -> list[Finding]:
    """Labels with fewer than `FEWEST` usable rows."""
    counts = patient.examples.class_counts(patient.readable())
    quantities = {t.name for t in patient.examples.tasks if t.kind == "regression"}
    names = [name for name in patient.examples.labels if name not in quantities]
    tiny = {name: counts.get(name, 0) for name in names if counts.get(name, 0) < FEWEST}
    if not tiny:
        return []
    shown = [f"{name}: {count}" for name, count in tiny.items()]
    what = f"{plural(len(tiny), 'label')} with fewer than {FEWEST} usable rows"
    advice = "add rows, or merge or remove these labels"
    return [Finding("tiny-classes", "fault", what, len(tiny), advice, first(shown))]


def imbalance(patient: Patient) -> list[Finding]:
    """The largest class many times the smallest."""
    counts = patient.examples.class_counts(patient.readable())
    if not patient.has_classes() or not counts:
        return []
    small, large = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    ratio = counts[large] / counts[small]
    if ratio <= LARGEST_RATIO:
        return []
    what = f"The largest class has {ratio:.0f} times the rows of the smallest"
    shown = (f"{large}: {counts[large]}", f"{small}: {counts[small]}")
    advice = "read balanced accuracy and macro F1, not accuracy alone"
    return [Finding("imbalance", "note", what, len(counts), advice, shown)]


def spellings(patient: Patient) -> list[Finding]:
    """Labels that differ in case, blanks, hyphens or accents' encoding only."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in patient.examples.class_counts():
        alike[_folded(name)].append(name)
    groups = [names for names in alike.values() if len(names) > 1]
    if not groups:
        return []
    shown = [" / ".join(repr(name) for name in names) for names in groups]
    what = f"{plural(len(groups), 'group')} of labels that differ in spelling only"
    advice = "rename them if they mean the same"
    return [Finding("spellings", "fault", what, len(groups), advice, first(shown))]


def identifiers(patient: Patient) -> list[Finding]:
    """A label column in which almost every row has a label of its own."""
    if not patient.has_classes():
        return []
    rows, names = len(patient.examples), len(patient.examples.class_counts())
    if rows < 2 * FEWEST or names < IDENTIFIER_SHARE * rows:
        return []
    column = patient.examples.label_column
    where = f"column '{column}'" if column else patient.examples.source
    what = f"{names} different labels in {rows} rows: {where} names rows rather than classes"
    advice = "name another column with --label"
    return [Finding("identifiers", "fault", what, names, advice, first(patient.examples.labels))]


def _folded(name: str) -> str:
    """
    >>> _folded("Ice-Cream ") == _folded("ice_cream")
    True
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(text.replace("-", " ").replace("_", " ").split())
