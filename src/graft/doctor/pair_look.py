"""A look at every text and its translation: what they say, how long they are, in which language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.data import Examples
from graft.data.texts import Text
from graft.doctor.patient import Patient
from graft.doctor.text_look import language_of, plain
from graft.progress import Progress
from graft.types import IntArray

AT_A_TIME = 2048
SIDES = ("text", "translation")


@dataclass(frozen=True, eq=False)
class PairLook:
    """What was seen of N texts and their translations.

    Attributes:
        keys: Of each side the N texts without case, punctuation and blanks.
        characters: (N, 2) length of both.
        languages: Of each side the script and perhaps the language of the N texts; see
            `graft.doctor.text_look.language_of`.
        tokens: (N, 2) tokens of both; None where no backbone counted them.
        longest: Tokens of a text and of a translation that the backbone takes.
    """

    keys: tuple[tuple[str, ...], tuple[str, ...]]
    characters: IntArray
    languages: tuple[tuple[str | None, ...], tuple[str | None, ...]]
    tokens: IntArray | None = None
    longest: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class PairPatient(Patient):
    """Texts with translations under examination.

    Attributes:
        look: What was seen of each pair.
    """

    look: PairLook


def pair_patient(
    examples: Examples,
    digests: tuple[bytes | None, ...],
    tokens: IntArray | None = None,
    longest: tuple[int, int] = (0, 0),
) -> PairPatient:
    """Pairs with what is to be known of them.

    Args:
        examples: N pairs.
        digests: Of each.
        tokens: (N, 2) tokens of both sides, where a backbone counted them.
        longest: Tokens of both that it takes.
    """
    sides = both_sides(examples.texts)
    look = PairLook(
        keys=(_keys(sides[0]), _keys(sides[1])),
        characters=np.array([[len(text) for text in side] for side in sides], np.int64).T,
        languages=(_languages(sides[0]), _languages(sides[1])),
        tokens=tokens,
        longest=longest,
    )
    return PairPatient(examples, digests, (), {}, look)


def both_sides(texts: Sequence[Text]) -> tuple[list[str], list[str]]:
    """The texts, and their translations."""
    return [text.content for text in texts], [text.second or "" for text in texts]


def _keys(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(plain, texts))


def _languages(texts: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(map(language_of, texts))


def count_tokens(texts: Sequence[Text], backbone: Seq2SeqBackbone, progress: Progress) -> IntArray:
    """(N, 2) tokens of each text and its translation, before anything is cut.

    Args:
        texts: The N pairs.
        backbone: Whose tokenizer counts.
        progress: Told about every pair.
    """
    counts: list[tuple[int, int]] = []
    progress.start("count tokens", len(texts))
    for start in range(0, len(texts), AT_A_TIME):
        sources, targets = both_sides(texts[start : start + AT_A_TIME])
        counts += backbone.tokenizer.pack(sources, targets, backbone.spec)[1]
        progress.advance("count tokens", len(sources))
    progress.finish("count tokens")
    return np.array(counts, dtype=np.int64).reshape(-1, 2)
