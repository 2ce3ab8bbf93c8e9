"""A look at every text: what it says without case and punctuation, how long it is, its language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import numpy as np

from graft.data.texts import Text
from graft.types import IntArray

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
"""A word; of scripts without blanks between words, a character."""
SCRIPTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "Latin": re.compile("[a-zA-Z\u00c0-\u024f]"),
        "Cyrillic": re.compile("[\u0400-\u04ff]"),
        "Greek": re.compile("[\u0370-\u03ff]"),
        "Arabic": re.compile("[\u0600-\u06ff]"),
        "Hebrew": re.compile("[\u0590-\u05ff]"),
        "Devanagari": re.compile("[\u0900-\u097f]"),
        "Thai": re.compile("[\u0e00-\u0e7f]"),
        "Hangul": re.compile("[\uac00-\ud7af]"),
        "Kana": re.compile("[\u3040-\u30ff]"),
        "Han": re.compile("[\u4e00-\u9fff]"),
    }
)


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


# Words that are frequent in one language and rare in the others.
FUNCTION_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "English": _words("the of and is to that with for are this it be from which"),
        "German": _words("der und die das ist nicht ein eine zu den mit von für auf"),
        "French": _words("le les et des une est du pour dans que qui sur pas avec"),
        "Spanish": _words("el los y las una es del por que con para como más se"),
        "Italian": _words("il gli e di che è una per con della sono non nel più"),
        "Portuguese": _words("o os e um uma é do da não para com em dos que"),
        "Dutch": _words("de het een en van is niet op dat met voor zijn te ook"),
    }
)
LANGUAGES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        word: tuple(name for name, known in FUNCTION_WORDS.items() if word in known)
        for word in frozenset[str]().union(*FUNCTION_WORDS.values())
    }
)
LETTER = re.compile("[a-zA-Z]")
BLANKS = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
LOOKED_AT_CHARACTERS, LOOKED_AT_WORDS = 400, 60
FEWEST_FUNCTION_WORDS = 2


@dataclass(frozen=True, eq=False)
class TextLook:
    """What was seen of N texts.

    Attributes:
        keys: Each text without case, punctuation and blanks; '' where nothing is left.
        characters: (N,) length of each.
        languages: The script of each, with the language where function words tell it; None where
            there are no letters.
        tokens: (N,) tokens of each, as the backbone's tokenizer counts them.
        longest: Tokens that the backbone reads.
    """

    keys: tuple[str, ...]
    characters: IntArray
    languages: tuple[str | None, ...]
    tokens: IntArray
    longest: int


def look_at_texts(texts: Sequence[Text], tokens: IntArray, longest: int) -> TextLook:
    """Read every text once.

    Args:
        texts: N texts.
        tokens: (N,) tokens of each.
        longest: Tokens that the backbone reads.
    """
    return TextLook(
        keys=tuple(key_of(text) for text in texts),
        characters=np.array([len(text.shown()) for text in texts], dtype=np.int64),
        languages=tuple(language_of(text.content) for text in texts),
        tokens=tokens,
        longest=longest,
    )


def key_of(text: Text) -> str:
    """The text without case, punctuation and blanks.

    >>> key_of(Text("Hello,  WORLD!", "row 1")) == key_of(Text("hello world", "row 2"))
    True
    """
    parts = [text.content] if text.second is None else [text.content, text.second]
    return " | ".join(found) if any(found := [plain(part) for part in parts]) else ""


def plain(content: str) -> str:
    """Words in lower case with one blank between them.

    >>> plain("Ｆｕｌｌ-width, too")
    'full width too'
    """
    return " ".join(_words_of(unicodedata.normalize("NFKC", content).casefold()))


def _words_of(folded: str) -> list[str]:
    """What `WORD` finds; where there are no other letters than ASCII, five times as fast."""
    return folded.translate(BLANKS).split() if folded.isascii() else WORD.findall(folded)


def language_of(content: str) -> str | None:
    """The script that most letters are of, and the language where function words tell.

    >>> language_of("Das ist nicht der Weg"), language_of("42"), language_of("Привет")
    ('Latin, German', None, 'Cyrillic')
    """
    start = content[:LOOKED_AT_CHARACTERS]
    script = _script(start)
    if script is None:
        return None
    language = _latin_language(start) if script == "Latin" else None
    return f"{script}, {language}" if language else script


def _script(start: str) -> str | None:
    if start.isascii():
        return "Latin" if LETTER.search(start) else None
    counts = {name: len(letters.findall(start)) for name, letters in SCRIPTS.items()}
    script = max(counts, key=counts.__getitem__)
    return script if counts[script] else None


def _latin_language(start: str) -> str | None:
    words = _words_of(start.casefold())[:LOOKED_AT_WORDS]
    telling = [word for word in words if word in LANGUAGES_OF]
    hits = Counter(chain.from_iterable(LANGUAGES_OF[word] for word in telling))
    (name, first), (_, second) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    return name if first >= max(FEWEST_FUNCTION_WORDS, 2 * second) else None
