"""Tokens: what fits is kept whole, what does not is cut as asked, and the true length is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from graft.backbones.load_text import load_text
from graft.backbones.tokens import SEGMENT_BITS

Tiny = Callable[..., Path]
WORD_IDS = list(range(5, 15))
WORDS = "good bad fine poor great awful film book plot cast"
CLS, SEP = 2, 3


@pytest.mark.parametrize(
    ("long", "expected"),
    [
        ("truncate", [CLS, *WORD_IDS[:6], SEP]),
        ("head-tail", [CLS, WORD_IDS[0], *WORD_IDS[5:], SEP]),
        ("chunks", [CLS, *WORD_IDS[:6], SEP, CLS, *WORD_IDS[6:], SEP, -1, -1]),
    ],
)
def test_long_texts(long: str, expected: list[int], tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    spec = replace(backbone.spec, max_length=8, long=long)
    (cut, whole), counts = backbone.tokenizer.pack([WORDS, "good film"], [None, None], spec)
    assert cut.tolist() == expected
    assert whole.tolist() == [CLS, 5, 11, SEP]
    assert counts == [12, 4]


def test_pairs_bear_their_segment_and_lose_tokens_of_the_longer_text(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    spec = replace(backbone.spec, max_length=8)
    (row,), (count,) = backbone.tokenizer.pack([WORDS], ["good film"], spec)
    ids = [token & ((1 << SEGMENT_BITS) - 1) for token in row.tolist()]
    segments = [token >> SEGMENT_BITS for token in row.tolist()]
    assert ids == [CLS, *WORD_IDS[:3], SEP, 5, 11, SEP]
    assert segments == [0, 0, 0, 0, 0, 1, 1, 1]
    assert count == 15


def test_packing_agrees_with_the_tokenizer_itself(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    texts = ["good film", "", "unknown words here", WORDS]
    rows, _ = backbone.tokenizer.pack(texts, [None] * 4, backbone.spec)
    assert [row.tolist() for row in rows] == backbone.tokenizer.native(texts)["input_ids"]


def test_tokenising_leaves_the_digest_as_it_is(tiny_encoder: Tiny) -> None:
    tokenizer = load_text(str(tiny_encoder("bert"))).tokenizer
    tokenizer.native(["good"], truncation=True, max_length=4, padding="max_length")
    assert tokenizer.digest == load_text(str(tiny_encoder("bert"))).tokenizer.digest
