"""Near duplicates: the same picture saved again, resized, mirrored or made a little brighter."""

from __future__ import annotations

import numpy as np

from graft.types import ByteArray, FloatArray, IntArray

SMALLEST_CONTRAST = 0.01
"""Standard deviation of a thumbnail, of 1, below which a picture counts as blank."""
COARSE_CORRELATION = 0.97
CORRELATION, LARGEST_DIFFERENCE = 0.99, 0.3
"""Of standardised thumbnails. Pictures of 48 pixels and more that were saved again as JPEG of
quality 75 or resized by 2 differ by up to 0.3; the two most alike of scikit-learn's 1,797 scanned
digits by 0.48, of 447 pictograms that are not copies by 0.56."""
ROWS_AT_A_TIME = 2048
MOST_PAIRS = 200_000


def blank_rows(thumbnails: ByteArray) -> IntArray:
    """Rows of one colour all over.

    Args:
        thumbnails: (N, S, S, 3).
    """
    if not len(thumbnails):
        return np.zeros(0, dtype=np.int64)
    spread = thumbnails.reshape(len(thumbnails), -1, 3).std(axis=1).max(axis=1)
    return np.flatnonzero(spread / 255 < SMALLEST_CONTRAST).astype(np.int64)


def near_pairs(thumbnails: ByteArray, rows: IntArray) -> list[tuple[int, int]]:
    """Pairs of rows whose pictures look the same, apart from size, compression and brightness, or
    are mirror images: those are made when a set is augmented before it is split.

    Every pair is compared by coarse grey thumbnails first; those that agree, by standardised
    colour thumbnails, cell by cell, so that a small emblem tells two drawings apart.

    Args:
        thumbnails: (N, S, S, 3), all rows.
        rows: Which of them are compared; blank ones are left out.

    Returns:
        (earlier row, later row), sorted.
    """
    kept = np.setdiff1d(rows, blank_rows(thumbnails))
    if len(kept) < 2:
        return []
    plain = thumbnails[kept]
    pairs = {*_pairs(plain, plain), *_pairs(plain, plain[:, :, ::-1])}
    return sorted((int(kept[a]), int(kept[b])) for a, b in pairs)


def _pairs(plain: ByteArray, others: ByteArray) -> list[tuple[int, int]]:
    """(row of `plain`, later row of `others`) that look the same."""
    fine, fine_others = _standardised(plain), _standardised(others)
    coarse, coarse_others = _standardised(_coarse(plain)), _standardised(_coarse(others))
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(plain), ROWS_AT_A_TIME):
        block = coarse[start : start + ROWS_AT_A_TIME]
        alike = block @ coarse_others[start:].T > COARSE_CORRELATION * coarse.shape[1]
        left, right = np.nonzero(np.triu(alike, 1))
        for at in range(0, len(left), MOST_PAIRS):
            some = slice(at, at + MOST_PAIRS)
            pairs += _confirmed(fine, fine_others, left[some] + start, right[some] + start)
    return pairs


def _confirmed(
    fine: FloatArray, others: FloatArray, left: IntArray, right: IntArray
) -> list[tuple[int, int]]:
    first, second = fine[left], others[right]
    same = np.einsum("nd,nd->n", first, second) > CORRELATION * fine.shape[1]
    same &= np.abs(first - second).max(axis=1, initial=0) < LARGEST_DIFFERENCE
    return list(zip(left[same].tolist(), right[same].tolist(), strict=True))


def _coarse(thumbnails: ByteArray) -> FloatArray:
    """(N, S/2 * S/2) grey."""
    count, side = len(thumbnails), thumbnails.shape[1] // 2
    grey = thumbnails.astype(np.float32).mean(axis=3)
    return np.asarray(grey.reshape(count, side, 2, side, 2).mean(axis=(2, 4)).reshape(count, -1))


def _standardised(values: ByteArray | FloatArray) -> FloatArray:
    """Each row with mean 0 and standard deviation 1."""
    flat = values.reshape(len(values), -1).astype(np.float32)
    flat = flat - flat.mean(axis=1, keepdims=True)
    spread = flat.std(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(spread, 1e-3), dtype=np.float32)
