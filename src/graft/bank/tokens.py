"""Tokenised texts: what depth 0 of a text encoder reads, in buckets of equal length.

Each text is tokenised once and stored with the texts of about its length, so that neither the bank
nor the encoder ever handles padding up to the longest text there could be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graft.backbones.collate import bucket, pack, padded
from graft.backbones.text import TextBackbone
from graft.bank.buckets import Buckets
from graft.bank.inputs import Transform
from graft.bank.key import tokens_key
from graft.bank.store import Shelf
from graft.data import Examples
from graft.data.examples import Input
from graft.data.texts import Text
from graft.data.unreadable import Unreadable
from graft.errors import unknown_name
from graft.progress import Progress
from graft.types import IntArray, Json, TextSpec

TOKENISED_AT_ONCE = 2048
AUGMENTATIONS = ("none", "light", "standard")
HISTOGRAM = (0, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class TokensAt:
    """The texts of one bucket: rows of one shape, (N, L) packed tokens."""

    def __init__(self, shelf: Shelf, key: str, size: str) -> None:
        self.key = key
        self.size = size
        self._shelf = shelf

    def read(self, digests: Sequence[bytes]) -> Tensor:
        """(N, L) packed tokens."""
        return self._shelf.read(digests)

    def reader(self, digests: Sequence[bytes]) -> Callable[[IntArray], Tensor]:
        """Row numbers, which index `digests`, to (N, L) packed tokens."""
        places = self._shelf.locate(digests)
        return lambda rows: self._shelf.take(places[rows])

    def prepare(self, raw: Tensor) -> Tensor:
        """The same, as the encoder indexes with them."""
        return raw.long()

    def transform(self, augment: str) -> Transform | None:
        """Texts are not augmented.

        Raises:
            UnknownNameError: No such augmentation.
        """
        if augment not in AUGMENTATIONS:
            raise unknown_name("augmentation", augment, AUGMENTATIONS)
        return None


class Tokens:
    """The tokens of every text of a data set, from the bank or from the tokenizer.

    Attributes:
        spec: Longest input, and what became of longer texts.
        digests: One per row of the data.
        faults: Row number and reason of every row that is no text: what was read can be tokenised.
    """

    def __init__(
        self, examples: Examples, backbone: TextBackbone, root: Path, progress: Progress
    ) -> None:
        self.spec: TextSpec = backbone.spec
        self.digests = examples.digests()
        self.faults: dict[int, str] = {
            row: item.reason
            for row, item in enumerate(examples.inputs)
            if isinstance(item, Unreadable)
        }
        texts = [item for item in examples.inputs if isinstance(item, Text)]
        self._paired = any(text.second is not None for text in texts)
        self._buckets = Buckets(root, tokens_key(backbone.spec), "", self.digests)
        self._tokenise_missing(examples.inputs, backbone, progress)

    def length(self, digest: bytes) -> int:
        """The bucket that a text is in."""
        return self._buckets.lengths[digest]

    def counts(self, digests: Sequence[bytes]) -> IntArray:
        """(N,) tokens of each text before it was cut."""
        counts = np.zeros(len(digests), dtype=np.int64)
        lengths = np.array([self._buckets.lengths[digest] for digest in digests])
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            notes = self._buckets.shelf(length).notes([digests[row] for row in rows.tolist()])
            counts[rows] = [int(note) for note in notes]
        return counts

    def at(self, length: int) -> TokensAt:
        """The texts of one bucket."""
        return TokensAt(
            self._buckets.shelf(length), f"{self._buckets.key}-{length}", f"{length} tokens"
        )

    def facts(self, source: str, digests: Sequence[bytes]) -> Json:
        """Lengths, how many texts did not fit and what became of them."""
        counts = self.counts(digests)
        lengths = np.array([self._buckets.lengths[digest] for digest in digests])
        # Of the mean text, what the encoder computes on: cut, and padded to its bucket.
        kept = np.minimum(counts, lengths)
        return {
            **text_facts(source, counts, self.spec),
            "mean_length": round(float(lengths.mean())),
            "padding": round(float(1 - kept.sum() / lengths.sum()), 4),
            "pairs": self._paired,
        }

    def _tokenise_missing(
        self, inputs: Sequence[Input], backbone: TextBackbone, progress: Progress
    ) -> None:
        waiting = {
            digest: text
            for digest, text in zip(self.digests, inputs, strict=True)
            if isinstance(text, Text) and digest is not None and digest not in self._buckets.lengths
        }
        progress.start("tokenise", len(waiting))
        for group in _groups(waiting, TOKENISED_AT_ONCE):
            self._store(group, backbone)
            progress.advance("tokenise", len(group))
        progress.finish("tokenise")

    def _store(self, texts: Mapping[bytes, Text], backbone: TextBackbone) -> None:
        rows, counts = pack(list(texts.values()), backbone)
        members: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            members.setdefault(bucket(len(row), self.spec.max_length), []).append(number)
        keys = list(texts)
        for length, numbers in members.items():
            values = padded([rows[number] for number in numbers], length).astype(np.int32)
            notes = [str(counts[number]) for number in numbers]
            self._buckets.shelf(length).append([keys[number] for number in numbers], values, notes)
            self._buckets.lengths |= {keys[number]: length for number in numbers}


def text_facts(source: str, counts: IntArray, spec: TextSpec) -> Json:
    """How long the texts are, in tokens, and what became of those that do not fit.

    Args:
        source: Where they come from.
        counts: (N,) tokens of each text, its special tokens included.
        spec: The longest input, and the policy for longer ones.
    """
    long = int((counts > spec.max_length).sum())
    ends = [end for end in HISTOGRAM if end < counts.max()] + [int(counts.max()) + 1]
    histogram = np.histogram(counts, bins=ends)[0] if len(ends) > 1 else [len(counts)]
    order = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    said = {
        "truncate": "were cut at the end",
        "head-tail": "kept their beginning and end only",
        "chunks": "were read in pieces whose features are averaged",
    }
    notes = [
        f"{long} of {len(counts)} texts ({long / len(counts):.1%}) are longer than the encoder's "
        f"{spec.max_length} tokens and {said[spec.long]} (--long {spec.long})."
    ]
    return {
        "source": source,
        "modality": "text",
        "tokens": {n: int(np.quantile(counts, q, method="nearest")) for n, q in order.items()},
        "mean_tokens": round(float(counts.mean()), 1),
        "histogram": {"ends": ends, "counts": [int(count) for count in histogram]},
        "longest_input": spec.max_length,
        "long": spec.long,
        "too_long": long,
        "notes": notes if long else [],
    }


def _groups(items: Mapping[bytes, Text], size: int) -> Iterator[dict[bytes, Text]]:
    keys = list(items)
    for start in range(0, len(keys), size):
        yield {key: items[key] for key in keys[start : start + size]}
