"""From texts to packed tokens, and what becomes of texts that do not fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from graft.types import IntArray, Json, TextSpec

Encoded = list[int]
SEGMENT_BITS = 24
# Of the room, how much goes to the beginning of a long text (Sun et al. 2019, section 5.3.1).
HEAD_SHARE = 0.25
# A text of more pieces than this is cut: one book must not fill the memory.
MOST_PIECES = 64


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A checkpoint's own tokenizer.

    Attributes:
        native: As transformers loads it.
    """

    native: Any

    @cached_property
    def padding(self) -> int:
        """The token that fills rows up; 0 where the tokenizer has none, as it is masked anyway."""
        found = self.native.pad_token_id
        return 0 if found is None else int(found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of vocabulary and rules."""
        text = self.rules(sort_keys=True)
        if text is None:
            text = json.dumps([self.native.get_vocab(), type(self.native).__name__], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def rules(self, *, sort_keys: bool = False) -> str | None:
        """Vocabulary and rules as the package tokenizers reads them; None where it cannot.

        Args:
            sort_keys: Whether keys stand in alphabetical order rather than their own.
        """
        backend = getattr(self.native, "backend_tokenizer", None)
        if backend is None:
            return None
        # Calls change these two; neither changes what a text's tokens are.
        fields = {**json.loads(backend.to_str()), "truncation": None, "padding": None}
        return json.dumps(fields, sort_keys=sort_keys)

    def facts(self) -> Json:
        """What turns a text's bare tokens into an input: special tokens, padding, digest."""
        before, after = self._affixes
        return {
            "sha256": self.digest,
            "padding": self.padding,
            "before": before,
            "after": after,
            "head_share": HEAD_SHARE,
            "most_pieces": MOST_PIECES,
        }

    def save(self, folder: Path) -> None:
        """Write the tokenizer's own files."""
        self.native.save_pretrained(folder)

    def pack(
        self, firsts: Sequence[str], seconds: Sequence[str | None], spec: TextSpec
    ) -> tuple[list[IntArray], list[int]]:
        """Packed tokens of texts, and how many tokens each had before it was cut.

        Args:
            firsts: The texts, or the first of each pair.
            seconds: The second of each pair, None for single texts.
            spec: The longest input, and what becomes of longer ones.

        Returns:
            One array per text: at most `spec.max_length` long, except under `chunks`, where it is
            a whole number of pieces of that length.
        """
        alone = [number for number, second in enumerate(seconds) if second is None]
        paired = [number for number, second in enumerate(seconds) if second is not None]
        found: dict[int, tuple[IntArray, int]] = {}
        if alone:
            packed = self._pack_single([firsts[number] for number in alone], spec)
            found |= dict(zip(alone, packed, strict=True))
        if paired:
            packed = self._pack_pairs(
                [firsts[number] for number in paired],
                [str(seconds[number]) for number in paired],
                spec,
            )
            found |= dict(zip(paired, packed, strict=True))
        rows = [found[number] for number in range(len(firsts))]
        return [tokens for tokens, _ in rows], [count for _, count in rows]

    def _pack_single(self, texts: Sequence[str], spec: TextSpec) -> list[tuple[IntArray, int]]:
        before, after = self._affixes
        bare = self.native(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        room = spec.max_length - len(before) - len(after)
        return [
            (
                _joined(_LONG[spec.long](ids, room), before, after, spec),
                len(ids) + len(before + after),
            )
            for ids in bare
        ]

    def _pack_pairs(
        self, firsts: Sequence[str], seconds: Sequence[str], spec: TextSpec
    ) -> list[tuple[IntArray, int]]:
        """Pairs that do not fit lose tokens of the longer text, under every policy."""
        whole = self.native(list(firsts), list(seconds), verbose=False)["input_ids"]
        cut = self.native(
            list(firsts), list(seconds), truncation="longest_first", max_length=spec.max_length
        )
        segments = cut.get("token_type_ids") or [[0] * len(ids) for ids in cut["input_ids"]]
        return [
            (_packed(ids, kinds), len(full))
            for ids, kinds, full in zip(cut["input_ids"], segments, whole, strict=True)
        ]

    @cached_property
    def _affixes(self) -> tuple[Encoded, Encoded]:
        """The special tokens before and after a text."""
        bare = self.native("a", add_special_tokens=False)["input_ids"]
        whole = self.native("a")["input_ids"]
        at = next(n for n in range(len(whole)) if whole[n : n + len(bare)] == bare)
        return whole[:at], whole[at + len(bare) :]


def _packed(ids: Encoded, segments: Encoded) -> IntArray:
    return np.array(ids, dtype=np.int64) | (np.array(segments, dtype=np.int64) << SEGMENT_BITS)


def _joined(pieces: Sequence[Encoded], before: Encoded, after: Encoded, spec: TextSpec) -> IntArray:
    """The pieces with their special tokens; several are filled up to the longest input each."""
    rows = [np.array([*before, *piece, *after], dtype=np.int64) for piece in pieces]
    if len(rows) == 1:
        return rows[0]
    filled = np.full((len(rows), spec.max_length), -1, dtype=np.int64)
    for number, row in enumerate(rows):
        filled[number, : len(row)] = row
    return filled.reshape(-1)


def _truncate(ids: Encoded, room: int) -> list[Encoded]:
    return [ids[:room]]


def _head_tail(ids: Encoded, room: int) -> list[Encoded]:
    if len(ids) <= room:
        return [ids]
    head = int(room * HEAD_SHARE)
    return [ids[:head] + ids[len(ids) - (room - head) :]]


def _chunks(ids: Encoded, room: int) -> list[Encoded]:
    pieces = [ids[start : start + room] for start in range(0, len(ids), room)]
    return pieces[:MOST_PIECES] or [[]]


_LONG = {"truncate": _truncate, "head-tail": _head_tail, "chunks": _chunks}
