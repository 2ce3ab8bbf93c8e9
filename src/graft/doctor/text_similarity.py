"""Near duplicates of texts: the same words but for a few, found without comparing all with all.

Words and pairs of neighbouring words are hashed into a set for each text; MinHash signatures
(Broder 1997, "On the resemblance and containment of documents", section 3) in bands (Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4) name candidates, whose sets are
then compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.types import IntArray

RESEMBLANCE = 0.8
"""Shared words and word pairs over all of both texts."""
FEWEST_WORDS = 5
"""Shorter texts are compared as wholes only: one other word may turn their meaning."""
BANDS, ROWS_A_BAND = 16, 5
"""At a resemblance of 0.8 a pair is missed with a chance of (1 - 0.8^5)^16 = 0.2 %."""
LONGEST = 20_000
"""Characters of a text that are compared."""
PAIRS_AT_A_TIME = 20_000
Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Sets:
    """N sets of hashes, none empty.

    Attributes:
        hashes: All of them, sorted within each set.
        starts: (N + 1,) where each set begins; the last is where all end.
    """

    hashes: Hashes
    starts: IntArray

    @property
    def sizes(self) -> IntArray:
        """(N,) members of each."""
        return np.diff(self.starts)


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
    """Of each text its words and pairs of neighbouring words, hashed."""
    numbers: dict[str, int] = {}
    found = [[numbers.setdefault(w, len(numbers)) for w in text.split()] for text in texts]
    lengths = np.array([len(words) for words in found], dtype=np.int64)
    words = np.fromiter(chain.from_iterable(found), np.uint64, int(lengths.sum()))
    owners = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)
    inside = owners[1:] == owners[:-1]
    couples = ((words[:-1] + np.uint64(1)) << np.uint64(32) | words[1:])[inside]
    members = _hashed(np.concatenate([words, couples]))
    whose = np.concatenate([owners, owners[1:][inside]])
    whole = np.sort(whose << np.uint64(32) | members)
    whole = whole[np.append(True, whole[1:] != whole[:-1])]  # several times as fast as np.unique
    starts = np.searchsorted(whole, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(32))
    return Sets(whole.astype(np.uint32), starts.astype(np.int64))


def _hashed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """32 bits for each number (the finaliser of SplitMix64, Steele, Lea and Flood 2014)."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values >> np.uint64(32)


def _bands(sets: Sets) -> list[npt.NDArray[np.uint64]]:
    """For every band (N,) numbers that are equal where all its minima are."""
    random = np.random.default_rng(0)
    starts = sets.starts[:-1]
    bands = []
    for _ in range(BANDS):
        band = np.zeros(len(starts), dtype=np.uint64)
        for multiplier, offset in random.integers(1, 2**32, (ROWS_A_BAND, 2), dtype=np.uint32):
            hashed = sets.hashes * (multiplier | np.uint32(1)) + offset
            lowest = np.minimum.reduceat(hashed, starts)
            band = band * np.uint64(0x9E3779B97F4A7C15) + lowest
        bands.append(band)
    return bands


def _with_firsts(keys: npt.NDArray[Any], sides: IntArray) -> IntArray:
    """(M, 2) every row with the first row of each side that has the same key."""
    rows = _not_alone(keys)
    found = [np.zeros((0, 2), dtype=np.int64)]
    if not len(rows):
        return found[0]
    _, group = np.unique(keys[rows], return_inverse=True)
    for side in np.unique(sides[rows]).tolist():
        first = np.full(group.max() + 1, -1, dtype=np.int64)
        members = np.flatnonzero(sides[rows] == side)[::-1]
        first[group[members]] = rows[members]
        partner = first[group]
        kept = (partner >= 0) & (partner != rows)
        pairs = np.column_stack([partner[kept], rows[kept]])
        found.append(np.sort(pairs, axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _not_alone(keys: npt.NDArray[Any]) -> IntArray:
    """Rows whose key another row has too, in order."""
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    return np.sort(order[np.append(same, False) | np.append(False, same)])


def _resemble(sets: Sets, pairs: IntArray) -> npt.NDArray[np.bool_]:
    """(M,) whether the sets of each pair share enough."""
    sizes = sets.sizes
    owners = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    whole = owners << np.uint64(32) | sets.hashes
    alike = np.zeros(len(pairs), dtype=np.bool_)
    for at in range(0, len(pairs), PAIRS_AT_A_TIME):
        left, right = pairs[at : at + PAIRS_AT_A_TIME].T
        count = sizes[left]
        begins = np.cumsum(count) - count
        places = np.arange(count.sum()) + np.repeat(sets.starts[left] - begins, count)
        wanted = np.repeat(right.astype(np.uint64) << np.uint64(32), count) | sets.hashes[places]
        nearest = np.minimum(np.searchsorted(whole, wanted), len(whole) - 1)
        shared = np.add.reduceat(whole[nearest] == wanted, begins, dtype=np.int64)
        either = count + sizes[right] - shared
        alike[at : at + PAIRS_AT_A_TIME] = shared >= RESEMBLANCE * either
    return alike
