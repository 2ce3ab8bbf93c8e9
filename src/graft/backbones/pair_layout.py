"""The one row that a text and its translation make, whatever its values are.

A row holds the text, one empty place, the translation, and empty places to the end. In a row of
tokens (L,) an empty place is -1, in a row of vectors (L, D) it is NaN: so tokens, cached
activations and features of a pair have one layout, which the bank stores and pads like that of any
text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graft.types import IntArray

EMPTY = -1


def joined(source: Sequence[int], target: Sequence[int]) -> IntArray:
    """One row of tokens.

    >>> joined([5, 6], [7]).tolist()
    [5, 6, -1, 7]
    """
    return np.array([*source, EMPTY, *target], dtype=np.int64)


def filled(rows: Tensor) -> Tensor:
    """(B, L) which places of tokens (B, L) or vectors (B, L, D) are not empty."""
    return ~rows[..., 0].isnan() if rows.ndim == 3 else rows >= 0


def parted(places: Tensor) -> tuple[Tensor, Tensor]:
    """Which filled places (B, L) are the text's, and which the translation's.

    >>> places = torch.tensor([[True, True, False, True, False]])
    >>> [part.int().tolist() for part in parted(places)]
    [[[1, 1, 0, 0, 0]], [[0, 0, 0, 1, 0]]]
    """
    text = places.cumprod(1).bool()
    return text, places & ~text


def compact(rows: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The chosen places of each row moved to its beginning, zeros after them.

    Args:
        rows: (B, L, ...).
        chosen: (B, L).

    Returns:
        (B, M, ...) with M the most that any row has, and which of these are filled (B, M).
    """
    counts = chosen.sum(1)
    longest = int(counts.max()) if len(counts) else 0
    mask = torch.arange(longest, device=rows.device) < counts[:, None]
    moved = rows.new_zeros(len(rows), longest, *rows.shape[2:])
    moved[mask] = rows[chosen]
    return moved, mask


def spread(vectors: Tensor, mask: Tensor, chosen: Tensor) -> Tensor:
    """The inverse of `compact` for vectors (B, M, D): rows (B, L, D), NaN where not chosen."""
    rows = vectors.new_full((*chosen.shape, vectors.shape[-1]), torch.nan)
    rows[chosen] = vectors[mask]
    return rows
