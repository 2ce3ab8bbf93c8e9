"""Texts that say nothing or were damaged, and what does not fit into the backbone."""

from __future__ import annotations

import re

import numpy as np

from graft.data.texts import Text
from graft.doctor.finding import Finding, Severity, first, plural
from graft.doctor.patient import TextPatient

PLACEHOLDERS = frozenset(
    {"nan", "none", "null", "n a", "na", "nil", "missing", "unknown", "deleted", "removed", "todo"}
)
# UTF-8 that was read as Windows-1252 or Latin-1 begins with one of these and goes on like this.
SUSPECT = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u017e\u02c6\u02dc\u2013-\u2122]")
REPLACEMENT, NUL = "\ufffd", "\x00"
MARKUP = re.compile(
    r"</?(?:a|b|br|div|em|i|img|li|p|span|strong|td|tr|ul)\b[^<>]{0,200}>|&[a-z]{2,6};"
)
MARKUP_SHARE = 0.01
SERIOUS_LOSS = 0.1
"""Share of all tokens from which on cutting is a fault rather than a note."""


def wordless(patient: TextPatient) -> list[Finding]:
    """Texts without a letter or digit, and words that stand for a missing text."""
    rows = [row for row, key in enumerate(patient.look.keys) if not key or key in PLACEHOLDERS]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {_excerpt(patient, row)!r}" for row in rows]
    what = f"{plural(len(rows), 'text')} without a word, or with a word for 'missing'"
    advice = "remove them"
    return [Finding("wordless", "fault", what, len(rows), advice, first(shown), (*rows,))]


def mojibake(patient: TextPatient) -> list[Finding]:
    """Texts that were written in one encoding and read in another."""
    rows = [row for row, text in enumerate(patient.examples.texts) if is_garbled(text.shown())]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {_excerpt(patient, row)!r}" for row in rows]
    what = f"{plural(len(rows), 'text')} with letters that were read in the wrong encoding"
    advice = "read the source again as what it is, and save it as UTF-8"
    return [Finding("mojibake", "fault", what, len(rows), advice, first(shown))]


def is_garbled(content: str) -> bool:
    """Whether a text holds replacement characters, NULs, or UTF-8 read as Windows-1252.

    >>> is_garbled("cafÃ©"), is_garbled("café"), is_garbled("SÃO PAULO")
    (True, False, False)
    """
    if content.isascii():
        return NUL in content
    if REPLACEMENT in content or NUL in content:
        return True
    return any(_decodes(found.start(), content) for found in SUSPECT.finditer(content))


def _decodes(at: int, content: str) -> bool:
    """Whether the letters from here on are a whole UTF-8 character, byte by byte."""
    lead = ord(content[at])
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    try:
        raw = b"".join(_byte(letter) for letter in content[at : at + length])
        found = raw.decode("utf-8")
    except UnicodeError:
        return False
    return len(found) == 1


def _byte(letter: str) -> bytes:
    return letter.encode("latin-1") if ord(letter) < 256 else letter.encode("cp1252")


def too_long(patient: TextPatient) -> list[Finding]:
    """Texts of more tokens than the backbone reads, and how much of all is lost."""
    tokens, longest = patient.look.tokens, patient.look.longest
    rows = np.flatnonzero(tokens > longest)
    if not len(rows):
        return []
    lost = float((tokens[rows] - longest).sum() / tokens.sum())
    share = len(rows) / len(tokens)
    order = rows[np.argsort(-tokens[rows], kind="stable")].tolist()
    shown = [f"{patient.name(row)}: {tokens[row]:,} tokens" for row in order]
    what = (
        f"{_percent(share)} of texts exceed {longest} tokens, {_percent(lost)} of all tokens "
        "would be lost"
    )
    severity: Severity = "fault" if lost >= SERIOUS_LOSS else "note"
    advice = "--long head-tail or --long chunks, or a backbone that reads more"
    return [Finding("too-long", severity, what, len(rows), advice, first(shown))]


def markup(patient: TextPatient) -> list[Finding]:
    """Remains of HTML in at least a share of the texts."""
    texts = patient.examples.texts
    rows = [row for row, text in enumerate(texts) if MARKUP.search(text.shown())]
    if len(rows) <= MARKUP_SHARE * len(texts):
        return []
    shown = [f"{patient.name(row)}: {_excerpt(patient, row)!r}" for row in rows]
    what = f"{plural(len(rows), 'text')} with remains of HTML"
    advice = "strip it where it means nothing"
    return [Finding("markup", "note", what, len(rows), advice, first(shown))]


def equal_halves(patient: TextPatient) -> list[Finding]:
    """Pairs both of whose texts are the same."""
    rows = [
        row
        for row, text in enumerate(patient.examples.texts)
        if text.second is not None and text.content.split() == text.second.split()
    ]
    if not rows:
        return []
    shown = [f"{patient.name(row)}: {_excerpt(patient, row)!r}" for row in rows]
    what = f"{plural(len(rows), 'pair')} of twice the same text"
    advice = "look whether a column was named twice or filled in from the other"
    return [Finding("equal-halves", "fault", what, len(rows), advice, first(shown))]


def _excerpt(patient: TextPatient, row: int) -> str:
    item = patient.examples.inputs[row]
    return item.shown()[:60] if isinstance(item, Text) else item.name


def _percent(share: float) -> str:
    """
    >>> _percent(0.374), _percent(0.0004)
    ('37 %', 'under 1 %')
    """
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "under 1 %"
