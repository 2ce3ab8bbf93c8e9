"""What gives a text's class away besides its meaning: length, language, the label itself."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np

from graft.doctor.checks.giveaway import FEWEST_TELLTALE, given_away, telling_classes
from graft.doctor.finding import Finding, first, plural
from graft.doctor.patient import TextPatient
from graft.doctor.text_look import plain
from graft.types import FloatArray, IntArray

LENGTH_AUC = 0.98
"""Area under the curve of length alone, one class against the rest."""
OWN_SHARE, FOREIGN_SHARE = 0.95, 0.02
"""How many rows of a class, and how few of all others, hold a telling word."""
LABEL_SHARE = 0.9
MOST_CLASSES, MOST_ROWS, MOST_WORDS = 200, 20_000, 100


def lengths(patient: TextPatient) -> list[Finding]:
    """Classes whose texts are longer, or shorter, than nearly all others."""
    numbers, names = _classes(patient)
    if len(names) < 2:
        return []
    ranks = _ranks(patient.look.characters)
    telling = []
    for number, name in enumerate(names):
        own = numbers == number
        if FEWEST_TELLTALE <= own.sum() <= len(own) - FEWEST_TELLTALE:
            area = _area(ranks, own)
            if max(area, 1 - area) >= LENGTH_AUC:
                telling.append(f"{name}: {'longer' if area > 0.5 else 'shorter'} than the others")
    advice = "look whether the classes were collected or cut in different ways"
    return telling_classes(
        "telltale-length", "fault", "The length of the texts gives away", telling, advice
    )


def _ranks(values: IntArray) -> FloatArray:
    """(N,) ranks from 1 on; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _area(ranks: FloatArray, own: IntArray) -> float:
    """Of a rank over one class against the rest (Hanley and McNeil 1982, the Wilcoxon form)."""
    count, others = int(own.sum()), int((~own).sum())
    return float((ranks[own].sum() - count * (count + 1) / 2) / (count * others))


def languages(patient: TextPatient) -> list[Finding]:
    """Classes that have a language or script to themselves, where not all classes do."""
    if not patient.has_classes():
        return []
    telling = given_away(patient.labels(), patient.look.languages)
    bearing = len(patient.examples.class_counts())
    if len(telling) == bearing > 2:  # telling languages apart is then the task
        return []
    advice = "a model may learn that instead of the content: take one language for all classes"
    what = "The language of the texts gives away"
    return telling_classes("telltale-language", "fault", what, telling, advice)


def cases(patient: TextPatient) -> list[Finding]:
    """Classes whose texts alone are all in capitals, or all without any."""
    if not patient.has_classes():
        return []
    telling = given_away(patient.labels(), [_case(t.content) for t in patient.examples.texts])
    advice = "look whether the classes were collected or cleaned in different ways"
    return telling_classes("telltale-case", "fault", "Capital letters give away", telling, advice)


def _case(content: str) -> str:
    return "capitals" if content.isupper() else "no capitals" if content.islower() else "mixed"


def labels_inside(patient: TextPatient) -> list[Finding]:
    """Classes whose name stands in nearly all of their own texts and in hardly any other."""
    numbers, names = _classes(patient)
    if not 2 <= len(names) <= MOST_CLASSES:
        return []
    rows = _sample(len(numbers))
    keys = [f" {patient.look.keys[row]} " for row in rows.tolist()]
    telling = []
    for number, name in enumerate(names):
        word, own = plain(name), numbers[rows] == number
        if len(word) < 2 and not word.isdigit():
            continue
        holding = np.array([f" {word} " in key for key in keys])
        if _tells(holding, own, LABEL_SHARE):
            telling.append(f"{name}: in {holding[own].mean():.0%} of its own texts")
    if not telling:
        return []
    what = f"The name of {plural(len(telling), 'class', 'classes')} stands in the texts themselves"
    advice = "look whether the label was written into the text; remove it there"
    return [Finding("label-in-text", "fault", what, len(telling), advice, first(telling))]


def words(patient: TextPatient) -> list[Finding]:
    """Classes that a single word tells from all others."""
    numbers, names = _classes(patient)
    if not 2 <= len(names) <= MOST_CLASSES:
        return []
    rows, texts = _sample(len(numbers)), patient.examples.texts
    sets = [set(texts[row].shown().split()) for row in rows.tolist()]
    everywhere = Counter(chain.from_iterable(sets))
    telling = []
    for number, name in enumerate(names):
        own = numbers[rows] == number
        counts = Counter(chain.from_iterable(sets[at] for at in np.flatnonzero(own).tolist()))
        most = FOREIGN_SHARE * (~own).sum()
        common = [w for w, n in counts.most_common(MOST_WORDS) if n >= OWN_SHARE * own.sum()]
        for word in common:
            if everywhere[word] - counts[word] > most:
                continue
            if _tells(np.array([word in found for found in sets]), own, OWN_SHARE):
                telling.append(f"{name}: {word!r:.60}")
                break
    advice = "look whether it is a mark that was left in the texts"
    return telling_classes("telltale-word", "fault", "A single word gives away", telling, advice)


def _tells(holding: IntArray, own: IntArray, share: float) -> bool:
    enough = FEWEST_TELLTALE <= own.sum() <= len(own) - FEWEST_TELLTALE
    return bool(enough and holding[own].mean() >= share and holding[~own].mean() <= FOREIGN_SHARE)


def _classes(patient: TextPatient) -> tuple[IntArray, tuple[str, ...]]:
    """(N,) class numbers and their names; no names for other tasks than classes."""
    if not patient.has_classes():
        return np.zeros(0, dtype=np.int64), ()
    return np.asarray(patient.examples.targets), patient.examples.labels


def _sample(count: int) -> IntArray:
    """At most `MOST_ROWS` row numbers, evenly spread."""
    return np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(np.int64)
