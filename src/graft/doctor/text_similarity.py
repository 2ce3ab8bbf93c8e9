"""Near duplicates of texts: the same words but for a few, found without comparing all with all.

Words and pairs of neighbouring words are hashed into a set for each text; MinHash signatures
(Broder 1997, "On the resemblance and containment of documents", section 3) in bands (Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4) name candidates, whose sets are
then compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.doctor.text_look import WORD
from graft.types import IntArray

RESEMBLANCE = 0.8
"""Shared words and word pairs over all of both texts."""
FEWEST_WORDS = 5
"""Shorter texts are compared as wholes only: one other word may turn their meaning."""
BANDS, ROWS_A_BAND = 16, 5
"""At a resemblance of 0.8 a pair is missed with a chance of (1 - 0.8^5)^16 = 0.2 %."""
BUCKETS = 2**20
LONGEST = 20_000
"""Characters of a text that are compared."""
PAIRS_AT_A_TIME = 20_000

Sets = Any  # scipy.sparse.csr_matrix, which has no types


def near_texts(keys: Sequence[str], parts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of texts that are equal but for case, punctuation or a few words.

    Of a crowd of look-alikes, each is paired with the first of every part, so that time and room
    grow with the number of texts and not with its square.

    Args:
        keys: N texts without case and punctuation; empty ones are left out.
        parts: The declared part of each.

    Returns:
        (earlier row, later row), sorted.
    """
    rows = np.array([row for row, key in enumerate(keys) if key], dtype=np.int64)
    if len(rows) < 2:
        return []
    numbers = {part: number for number, part in enumerate(sorted(set(parts)))}
    sides = np.array([numbers[parts[row]] for row in rows.tolist()], dtype=np.int64)
    number_of: dict[str, int] = {}
    whole = [number_of.setdefault(keys[row], len(number_of)) for row in rows.tolist()]
    found = [_with_firsts(np.array(whole), sides)]
    long = np.array([keys[row].count(" ") + 1 >= FEWEST_WORDS for row in rows.tolist()])
    places = np.flatnonzero(long)
    if len(places) > 1:
        sets = _sets([keys[row][:LONGEST] for row in rows[places].tolist()])
        candidates = [_with_firsts(band, sides[places]) for band in _bands(sets)]
        unique = np.unique(np.concatenate(candidates), axis=0)
        found.append(places[unique[_resemble(sets, unique)]])
    pairs = rows[np.unique(np.concatenate(found), axis=0)]
    return [(int(a), int(b)) for a, b in pairs]


def _sets(texts: Sequence[str]) -> Sets:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        lowercase=False,
        token_pattern=WORD.pattern,
        ngram_range=(1, 2),
        n_features=BUCKETS,
        binary=True,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    return hashing.transform(texts)


def _bands(sets: Sets) -> list[npt.NDArray[np.uint64]]:
    """For every band (N,) numbers that are equal where all its minima are."""
    random = np.random.default_rng(0)
    indices, starts = sets.indices.astype(np.uint64), sets.indptr[:-1]
    bands = []
    for _ in range(BANDS):
        band = np.zeros(sets.shape[0], dtype=np.uint64)
        for _ in range(ROWS_A_BAND):
            multiplier, offset = random.integers(1, 2**63, 2, dtype=np.uint64) | np.uint64(1)
            hashed = (indices * multiplier + offset) >> np.uint64(32)
            lowest = np.minimum.reduceat(hashed, starts)
            band = band * np.uint64(0x9E3779B97F4A7C15) + lowest
        bands.append(band)
    return bands


def _with_firsts(keys: npt.NDArray[Any], sides: IntArray) -> IntArray:
    """(M, 2) every row with the first row of each side that has the same key."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    _, group = np.unique(keys, return_inverse=True)
    for side in np.unique(sides).tolist():
        first = np.full(group.max() + 1, -1, dtype=np.int64)
        members = np.flatnonzero(sides == side)[::-1]
        first[group[members]] = members
        partner = first[group]
        row = np.arange(len(keys))
        kept = (partner >= 0) & (partner != row)
        pairs = np.column_stack([partner[kept], row[kept]])
        found.append(np.sort(pairs, axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _resemble(sets: Sets, pairs: IntArray) -> npt.NDArray[np.bool_]:
    """(M,) whether the sets of each pair share enough."""
    sizes = np.diff(sets.indptr)
    alike = np.zeros(len(pairs), dtype=np.bool_)
    for at in range(0, len(pairs), PAIRS_AT_A_TIME):
        left, right = pairs[at : at + PAIRS_AT_A_TIME].T
        shared = np.asarray(sets[left].multiply(sets[right]).sum(axis=1)).ravel()
        alike[at : at + PAIRS_AT_A_TIME] = shared >= RESEMBLANCE * (
            sizes[left] + sizes[right] - shared
        )
    return alike
