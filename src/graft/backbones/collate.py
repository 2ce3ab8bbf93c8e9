"""A few texts as one padded tensor, and the lengths that padding goes up to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graft.backbones.text import PADDING, TextBackbone
from graft.types import IntArray, Written

# Lengths at which texts are stored and put through frozen layers.
LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192)


def bucket(length: int, longest: int) -> int:
    """The stored length of a text of so many tokens; above the longest input, whole pieces.

    >>> [bucket(length, 256) for length in (3, 8, 9, 250, 256, 512)]
    [8, 8, 16, 256, 256, 512]
    >>> bucket(20, 20), bucket(17, 20)
    (20, 20)
    """
    if length > longest:
        return -(-length // longest) * longest
    return min(LENGTHS[bisect_left(LENGTHS, length)] if length <= LENGTHS[-1] else length, longest)


def pack(texts: Sequence[Written], backbone: TextBackbone) -> tuple[list[IntArray], list[int]]:
    """Packed tokens of each text, and how many tokens it had before it was cut."""
    return backbone.tokenizer.pack(
        [text.content for text in texts], [text.second for text in texts], backbone.spec
    )


def padded(rows: Sequence[IntArray], length: int) -> IntArray:
    """(N, length) packed tokens, each row filled up with -1."""
    filled = np.full((len(rows), length), PADDING, dtype=np.int64)
    for number, row in enumerate(rows):
        filled[number, : len(row)] = row
    return filled


def collated(texts: Sequence[Written], backbone: TextBackbone) -> Tensor:
    """(N, L) packed tokens of a few texts, padded to their longest bucket."""
    rows, _ = pack(texts, backbone)
    longest = max(len(row) for row in rows)
    return torch.from_numpy(padded(rows, bucket(longest, backbone.spec.max_length)))
