"""Texts whose translations are none: empty of words, the same again, of another row, too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from graft.data.texts import abridged
from graft.doctor.checks.texts import MARKUP, PLACEHOLDERS, is_garbled
from graft.doctor.finding import Finding, Severity, first, plural
from graft.doctor.pair_look import SIDES, PairPatient
from graft.doctor.patient import equal_pairs
from graft.types import FloatArray

MARKUP_SHARE = 0.01
SERIOUS_SHARE = 0.01
UNEQUAL, LONG = 4.0, 40
"""How much longer or shorter than usual a translation is, of texts of so many characters."""
REPEATED, REPEATED_SHARE = 10, 0.02
"""How often, and in which share of rows, one translation of different texts is too often."""
FEWEST_ROWS, UNRELATED, RELATED = 50, 0.3, 0.6
"""Correlations of the lengths of texts and translations: of pairs it is about 0.9."""
SURE_SHARE, FEWEST_TOLD = 0.9, 20


def wordless(patient: PairPatient) -> list[Finding]:
    """Texts or translations without a letter or digit, and words that stand for a missing text."""
    keys = patient.look.keys
    rows = [row for row, pair in enumerate(zip(*keys, strict=True)) if any(map(_is_none, pair))]
    what = f"{plural(len(rows), 'pair')} of which a side has no word, or a word for 'missing'"
    return _found(patient, "wordless", "fault", what, rows, "remove them", drop=True)


def _is_none(key: str) -> bool:
    return not key or key in PLACEHOLDERS


def mojibake(patient: PairPatient) -> list[Finding]:
    """Texts that were written in one encoding and read in another."""
    texts = patient.examples.texts
    rows = [row for row, text in enumerate(texts) if is_garbled(text.shown())]
    what = f"{plural(len(rows), 'pair')} with letters that were read in the wrong encoding"
    advice = "read the source again as what it is, and save it as UTF-8"
    return _found(patient, "mojibake", "fault", what, rows, advice)


def untranslated(patient: PairPatient) -> list[Finding]:
    """Translations that say the same in the same words."""
    look = patient.look
    same = [row for row, (a, b) in enumerate(zip(*look.keys, strict=True)) if a and a == b]
    prose = [row for row in same if ", " in (look.languages[0][row] or "")]  # no mere names
    severity: Severity = (
        "fault" if prose or len(same) > SERIOUS_SHARE * len(look.characters) else "note"
    )
    what = f"{plural(len(same), 'translation')} equal to their texts, {len(prose):,} of them prose"
    advice = "remove those that ought to be translated: a model learns to copy from them"
    return _found(patient, "untranslated", severity, what, prose or same, advice, drop=bool(prose))


def repeated(patient: PairPatient) -> list[Finding]:
    """One translation beside many different texts."""
    sources, targets = patient.look.keys
    texts: dict[str, set[str]] = {}
    for source, target in zip(sources, targets, strict=True):
        texts.setdefault(target, set()).add(source)
    least = max(REPEATED, REPEATED_SHARE * len(targets))
    often = {key: len(found) for key, found in texts.items() if key and len(found) >= least}
    rows = [row for row, key in enumerate(targets) if key in often]
    what = f"{plural(len(often), 'translation')} of {plural(len(rows), 'row')} with different texts"
    advice = "look whether it is a placeholder, or the column of another file"
    return _found(patient, "repeated", "fault", what, rows, advice)


def several(patient: PairPatient) -> list[Finding]:
    """Texts with more than one translation."""
    sources, targets = patient.look.keys
    pairs = [
        (a, b) for a, b in equal_pairs([s or None for s in sources]) if targets[a] != targets[b]
    ]
    what = f"{plural(len(pairs), 'text')} with another translation than the same text before"
    advice = "keep the better one, if they are not all good"
    return _found(patient, "several-translations", "note", what, [b for _, b in pairs], advice)


def shifted(patient: PairPatient) -> list[Finding]:
    """Translations that fit the row before or after better than their own, judged by length."""
    lengths = np.log1p(patient.look.characters.astype(np.float64))
    if len(lengths) < FEWEST_ROWS or _correlation(lengths, 0) >= UNRELATED:
        return []
    shift = max((-2, -1, 1, 2), key=lambda by: _correlation(lengths, by))
    if _correlation(lengths, shift) >= RELATED:
        side = "below" if shift > 0 else "above"
        what = f"Translations stand {plural(abs(shift), 'row')} {side} their texts"
        advice = "look at the first rows: one column lacks a line"
    else:
        what = "Lengths of texts and translations have nothing to do with each other"
        advice = "look whether the columns belong together, and whether one was sorted"
    return [Finding("misaligned", "fault", what, len(lengths), advice, _shown(patient, range(2)))]


def _correlation(lengths: FloatArray, shift: int) -> float:
    """Of each text's length with that of the translation `shift` rows below."""
    texts, translations = lengths[:, 0], lengths[:, 1]
    if shift:
        texts = texts[:-shift] if shift > 0 else texts[-shift:]
        translations = translations[shift:] if shift > 0 else translations[:shift]
    if texts.std() == 0 or translations.std() == 0:
        return 1.0  # all are equally long, which says nothing
    return float(np.corrcoef(texts, translations)[0, 1])


def unequal(patient: PairPatient) -> list[Finding]:
    """Translations much longer or shorter than usual for this set."""
    lengths = patient.look.characters
    long = lengths.max(axis=1) >= LONG
    ratio = np.log((lengths[:, 1] + 1) / (lengths[:, 0] + 1))
    usual = float(np.median(ratio[long])) if long.any() else 0.0
    rows = np.flatnonzero(long & (np.abs(ratio - usual) > np.log(UNEQUAL))).tolist()
    what = (
        f"{plural(len(rows), 'translation')} over {UNEQUAL:.0f} times longer or shorter than usual"
    )
    severity: Severity = "fault" if len(rows) > SERIOUS_SHARE * len(lengths) else "note"
    advice = "look whether a part is missing, or belongs to another row"
    return _found(patient, "unequal-lengths", severity, what, rows, advice)


def other_languages(patient: PairPatient) -> list[Finding]:
    """Texts in another language than nearly all others of their side."""
    rows: set[int] = set()
    for languages in patient.look.languages:
        told = Counter(filter(None, languages))
        sure = Counter({name: n for name, n in told.items() if ", " in name or "Latin" not in name})
        name, count = sure.most_common(1)[0] if sure else ("", 0)
        if count >= max(FEWEST_TOLD, SURE_SHARE * sure.total()):
            rows |= {row for row, other in enumerate(languages) if other in sure and other != name}
    what = f"{plural(len(rows), 'pair')} of which a side is in another language than the others"
    advice = "look at them: sides may be swapped, or a text left untranslated"
    return _found(patient, "other-language", "note", what, sorted(rows), advice)


def copies(patient: PairPatient) -> list[Finding]:
    """Pairs that are there twice, on one side of the declared split."""
    pairs = [(a, b) for a, b in equal_pairs(patient.digests) if not _apart(patient, a, b)]
    what = f"{plural(len(pairs), 'pair')} equal to an earlier one letter by letter"
    return _found(patient, "copies", "fault", what, [b for _, b in pairs], "keep one", drop=True)


def sides_across(patient: PairPatient) -> list[Finding]:
    """Texts or translations on both sides of a declared split."""
    found = []
    for side, keys in zip(SIDES, patient.look.keys, strict=True):
        parts = patient.examples.parts
        seen: dict[str, set[str]] = {}
        for key, part in zip(keys, parts, strict=True):
            seen.setdefault(key, set()).add(part)
        rows = [row for row, key in enumerate(keys) if key and len(seen[key]) > 1]
        what = f"{plural(len(rows), 'row')} with a {side} that stands on both sides of the split"
        severity: Severity = "fault" if side == SIDES[0] else "note"
        advice = "remove them from one side: held-out figures are too good by their share"
        found += _found(patient, f"{side}s-across", severity, what, rows, advice)
    return found


def _apart(patient: PairPatient, a: int, b: int) -> bool:
    return patient.examples.parts[a] != patient.examples.parts[b]


def too_long(patient: PairPatient) -> list[Finding]:
    """Texts or translations of more tokens than the backbone takes."""
    look = patient.look
    if look.tokens is None:
        return []
    over = look.tokens - np.array(look.longest)
    rows = np.flatnonzero((over > 0).any(axis=1)).tolist()
    lost = float(np.maximum(over, 0).sum() / max(1, look.tokens.sum()))
    what = (
        f"{plural(len(rows), 'pair')} of more than {look.longest[0]} tokens a text or "
        f"{look.longest[1]} a translation; {lost:.1%} of all tokens would be lost"
    )
    severity: Severity = "fault" if len(rows) > SERIOUS_SHARE * len(look.tokens) else "note"
    return _found(patient, "too-long", severity, what, rows, "split them, or raise --size")


def markup(patient: PairPatient) -> list[Finding]:
    """Texts with HTML in them."""
    texts = patient.examples.texts
    rows = [row for row, text in enumerate(texts) if MARKUP.search(text.shown())]
    if len(rows) < MARKUP_SHARE * len(texts):
        return []
    what = f"{plural(len(rows), 'pair')} with HTML tags or entities"
    return _found(patient, "markup", "note", what, rows, "remove them if they are not to be said")


def _found(
    patient: PairPatient,
    check: str,
    severity: Severity,
    what: str,
    rows: Sequence[int],
    advice: str,
    *,
    drop: bool = False,
) -> list[Finding]:
    if not rows:
        return []
    dropped = tuple(rows) if drop else ()
    return [Finding(check, severity, what, len(rows), advice, _shown(patient, rows), dropped)]


def _shown(patient: PairPatient, rows: Sequence[int]) -> tuple[str, ...]:
    texts = patient.examples.texts
    few = rows[: len(first([""] * len(rows)))]
    sides = [(abridged(texts[r].content, 40), abridged(texts[r].second or "", 40)) for r in few]
    return tuple(f"{patient.name(r)}: {a} = {b}" for r, (a, b) in zip(few, sides, strict=True))
