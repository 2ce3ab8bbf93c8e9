"""Tokenised texts with their translations, in buckets of equal length; see `graft.bank.tokens`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graft.backbones.collate import bucket, padded
from graft.backbones.pair_layout import EMPTY
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.bank.buckets import Buckets
from graft.bank.key import pairs_key
from graft.bank.tokens import HISTOGRAM, TOKENISED_AT_ONCE, TokensAt
from graft.data import Examples
from graft.data.texts import Text
from graft.progress import Progress
from graft.types import IntArray, Json, PairSpec

IGNORED = -100
"""In the labels, what is no token; PyTorch's cross-entropy ignores it."""


class Pairs:
    """The tokens of every pair of a data set, from the bank or from the tokenizer.

    Attributes:
        spec: Longest inputs, prefix and languages.
        digests: One per row of the data.
        faults: Empty: what was read can be tokenised.
    """

    def __init__(
        self, examples: Examples, backbone: Seq2SeqBackbone, root: Path, progress: Progress
    ) -> None:
        self.spec: PairSpec = backbone.spec
        self.digests = examples.digests()
        self.faults: dict[int, str] = {}
        self._buckets = Buckets(root, pairs_key(backbone.spec), "pairs of ", self.digests)
        texts = dict(zip(self.digests, (t for t in examples.inputs), strict=True))
        waiting = [
            (digest, text)
            for digest, text in texts.items()
            if digest is not None and isinstance(text, Text) and digest not in self._buckets.lengths
        ]
        progress.start("tokenise", len(waiting))
        for at in range(0, len(waiting), TOKENISED_AT_ONCE):
            group = waiting[at : at + TOKENISED_AT_ONCE]
            self._store(group, backbone)
            progress.advance("tokenise", len(group))
        progress.finish("tokenise")

    def length(self, digest: bytes) -> int:
        """The bucket that a pair is in."""
        return self._buckets.lengths[digest]

    def at(self, length: int) -> TokensAt:
        """The pairs of one bucket."""
        return TokensAt(
            self._buckets.shelf(length), f"{self._buckets.key}-{length}", f"{length} tokens"
        )

    def labels(self, digests: Sequence[bytes]) -> IntArray:
        """(N, T) tokens of translations, filled up with -100 to the longest of all."""
        rows: list[IntArray] = [np.empty(0, dtype=np.int64)] * len(digests)
        for number, packed in self._rows(digests):
            second = packed[int(np.argmax(packed == EMPTY)) + 1 :]
            rows[number] = second[second != EMPTY]
        labels = np.full((len(rows), max(map(len, rows), default=0)), IGNORED, dtype=np.int64)
        for number, row in enumerate(rows):
            labels[number, : len(row)] = row
        return labels

    def counts(self, digests: Sequence[bytes]) -> IntArray:
        """(N,) places of each row: its text, cut, one empty place, its translation, cut."""
        most = np.array([self.spec.max_source, self.spec.max_target])
        return np.asarray(np.minimum(self._tokens(digests), most).sum(1) + 1, dtype=np.int64)

    def facts(self, source: str, digests: Sequence[bytes]) -> Json:
        """Lengths, and how many texts and translations did not fit."""
        lengths = np.array([self._buckets.lengths[digest] for digest in digests])
        padding = 1 - self.counts(digests).sum() / lengths.sum()
        return {
            **pair_facts(source, self._tokens(digests), self.spec),
            "mean_length": round(float(lengths.mean())),
            "padding": round(float(padding), 4),
        }

    def _tokens(self, digests: Sequence[bytes]) -> IntArray:
        """(N, 2) tokens of each text and its translation before they were cut."""
        lengths = np.array([self._buckets.lengths[digest] for digest in digests])
        counts = np.zeros((len(digests), 2), dtype=np.int64)
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            notes = self._buckets.shelf(length).notes([digests[row] for row in rows.tolist()])
            counts[rows] = [[int(part) for part in note.split()] for note in notes]
        return counts

    def _rows(self, digests: Sequence[bytes]) -> list[tuple[int, IntArray]]:
        lengths = np.array([self._buckets.lengths[digest] for digest in digests])
        found = []
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length).tolist()
            packed = self._buckets.shelf(length).read([digests[row] for row in rows]).numpy()
            found += [*zip(rows, packed.astype(np.int64), strict=True)]
        return found

    def _store(self, pairs: Sequence[tuple[bytes, Text]], backbone: Seq2SeqBackbone) -> None:
        sources = [text.content for _, text in pairs]
        rows, counts = backbone.tokenizer.pack(
            sources, [str(t.second) for _, t in pairs], self.spec
        )
        members: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            members.setdefault(bucket(len(row), self.spec.max_length), []).append(number)
        for length, numbers in members.items():
            values = padded([rows[number] for number in numbers], length).astype(np.int32)
            notes = ["{} {}".format(*counts[number]) for number in numbers]
            self._buckets.shelf(length).append(
                [pairs[number][0] for number in numbers], values, notes
            )
            self._buckets.lengths |= {pairs[number][0]: length for number in numbers}


def pair_facts(source: str, counts: IntArray, spec: PairSpec) -> Json:
    """How long texts and translations are, in tokens, and how many were cut.

    Args:
        source: Where they come from.
        counts: (N, 2) tokens of each text and its translation, special tokens included.
        spec: The longest that fit.
    """
    notes = []
    facts: Json = {"source": source, "modality": "translation"}
    for at, (name, most) in enumerate(
        {"texts": spec.max_source, "translations": spec.max_target}.items()
    ):
        column = counts[:, at]
        long = int((column > most).sum())
        order = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
        ends = [end for end in HISTOGRAM if end < column.max()] + [int(column.max()) + 1]
        histogram = np.histogram(column, bins=ends)[0] if len(ends) > 1 else [len(column)]
        facts[name] = {
            "tokens": {n: int(np.quantile(column, q, method="nearest")) for n, q in order.items()},
            "mean_tokens": round(float(column.mean()), 1),
            "histogram": {"ends": ends, "counts": [int(count) for count in histogram]},
            "longest": most,
            "too_long": long,
        }
        if long:
            notes.append(
                f"{long} of {len(column)} {name} ({long / len(column):.1%}) are longer than the "
                f"{most} tokens that fit and were cut at the end."
            )
    return {
        **facts,
        "too_long": sum(facts[n]["too_long"] for n in ("texts", "translations")),
        "notes": notes,
    }
