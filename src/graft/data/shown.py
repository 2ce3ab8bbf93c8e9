"""Names of files as they may be shown and written: no byte of them can do harm, none is hidden."""

from __future__ import annotations

import os
import unicodedata

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of what follows, so that a name reads as another."""


def shown(name: str) -> str:
    """The name with control characters, and bytes that are no UTF-8, written as escapes.

    >>> shown("two\\nlines.png"), shown("caf\\udce9.png"), shown("Käse 1.png")
    ('two\\\\nlines.png', 'caf\\\\xe9.png', 'Käse 1.png')
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(_escaped(letter) for letter in name)


def _escaped(letter: str) -> str:
    kind = unicodedata.category(letter)
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{os.fsencode(letter)[0]:02x}"
    if kind in ("Cc", "Cs") or letter in _TURNING:
        return letter.encode("unicode_escape").decode("ascii")
    return letter


def is_whole(text: str) -> bool:
    """Whether a text holds no half of a character, which no file could be written with."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
