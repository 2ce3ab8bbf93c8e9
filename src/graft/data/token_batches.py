"""Batches that hold about as many tokens each, whatever the lengths of their rows."""

from __future__ import annotations

import numpy as np

from graft.types import IntArray


def token_ends(lengths: IntArray, tokens: int) -> list[int]:
    """Where each batch ends in rows that are sorted by length; the same in every epoch.

    Args:
        lengths: (N,) of the rows, in any order.
        tokens: The rows of a batch times the longest of them, at most; a single row may have more.

    >>> token_ends(np.array([2, 9, 2, 3, 3]), 6)
    [2, 4, 5]
    """
    ends, begun = [], 0
    ordered = np.sort(lengths, kind="stable").tolist()
    for row, length in enumerate(ordered):
        if row > begun and (row + 1 - begun) * length > tokens:
            ends.append(row)
            begun = row
    return [*ends, len(ordered)] if ordered else []


def by_tokens(
    lengths: IntArray, ends: list[int], random: np.random.Generator | None
) -> list[IntArray]:
    """The rows of each batch: of about one length, with other neighbours of it in every epoch.

    Args:
        lengths: (N,) of the rows.
        ends: What `token_ends` gives.
        random: Chooses among rows of one length, and the order of the batches; None for the rows
            in order.

    >>> [rows.tolist() for rows in by_tokens(np.array([2, 9, 2]), [2, 3], None)]
    [[0, 2], [1]]
    """
    if random is None:
        order = np.argsort(lengths, kind="stable")
    else:
        order = np.lexsort((random.permutation(len(lengths)), lengths))
    batches = [order[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    if random is None:
        return batches
    return [batches[number] for number in random.permutation(len(batches))]
