"""k nearest neighbours by cosine similarity: the baseline without any training."""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array, class_counts
from graft.types import FloatArray, IntArray

NEIGHBOURS = 20
TEMPERATURE = 0.07
SIMILARITIES_PER_BLOCK = 2**23
"""Similarities held at a time (32 MiB of float32)."""


def knn_probabilities(
    train_features: FloatArray,
    train_targets: IntArray,
    features: FloatArray,
    classes: int,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Float64Array:
    """Class probabilities from the k most similar training rows.

    A neighbour votes with weight exp(cosine / temperature), as in Wu et al. 2018, section 3.4
    (k and temperature as in Caron et al. 2021, DINO). The votes are normalised, and one further
    neighbour is spread evenly over all classes: `(k * votes + 1/C) / (k + 1)`. So a class without
    neighbours keeps a small probability, the log loss is finite and the prediction is unchanged.

    Args:
        train_features: (N, D).
        train_targets: (N,) class indices.
        features: (M, D) rows to classify.
        classes: C.
        k: Neighbours, at most N are used.
        temperature: Positive; small values make the nearest neighbour decide.

    Returns:
        (M, C), rows sum to one.

    Raises:
        ValueError: k or temperature is not positive, or a target is out of range.

    >>> train = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> knn_probabilities(train, np.array([0, 1]), np.array([[2.0, 0.1]]), 2, k=1).round(2).tolist()
    [[0.75, 0.25]]
    """
    return _vote(train_features, train_targets, features, classes, k, temperature, False)


def knn_means(
    train_features: FloatArray,
    values: FloatArray,
    features: FloatArray,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    leave_one_out: bool = False,
) -> Float64Array:
    """Mean values of the k most similar training rows, weighted as in `knn_probabilities`.

    Args:
        train_features: (N, D).
        values: (N, K) numbers of the training rows.
        features: (M, D) rows to answer.
        k: Neighbours, at most N are used.
        temperature: Positive.
        leave_one_out: Whether the rows are the training rows, and none is its own neighbour.

    Returns:
        (M, K).

    Raises:
        ValueError: k or temperature is not positive, or nothing is left when a row is left out.

    >>> train = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> knn_means(train, np.array([[5.0], [7.0]]), np.array([[2.0, 0.1]]), k=1).tolist()
    [[5.0]]
    """
    if k < 1 or not temperature > 0:
        raise ValueError(f"k and temperature must be positive, found {k} and {temperature}")
    if leave_one_out and len(features) < 2:
        raise ValueError("leave-one-out needs at least two rows, found 1")
    train, rows = unit_rows(train_features), unit_rows(features)
    nearest = min(k, len(train) - leave_one_out)
    found = np.empty((len(rows), values.shape[1]))
    step = max(1, SIMILARITIES_PER_BLOCK // len(train))
    for at in range(0, len(rows), step):
        block = slice(at, at + step)
        similarity = rows[block] @ train.T
        if leave_one_out:
            own = np.arange(at, at + len(similarity))
            similarity[own - at, own] = -np.inf
        near, weight = _nearest(similarity, nearest, temperature)
        found[block] = np.einsum("nk,nkv->nv", weight, values[near]) / weight.sum(1, keepdims=True)
    return found


def knn_leave_one_out(
    features: FloatArray,
    targets: IntArray,
    classes: int,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Float64Array:
    """`knn_probabilities` of each row from all the other rows.

    Args:
        features: (N, D), at least two rows.
        targets: (N,) class indices.
        classes: C.
        k: Neighbours, at most N - 1 are used.
        temperature: Positive.

    Raises:
        ValueError: Fewer than two rows, k or temperature not positive, a target out of range.
    """
    if len(features) < 2:
        raise ValueError("leave-one-out needs at least two rows, found 1")
    return _vote(features, targets, features, classes, k, temperature, True)


def _vote(
    train_features: FloatArray,
    train_targets: IntArray,
    features: FloatArray,
    classes: int,
    k: int,
    temperature: float,
    leave_one_out: bool,
) -> Float64Array:
    class_counts(train_targets, classes)
    if k < 1 or not temperature > 0:
        raise ValueError(f"k and temperature must be positive, found {k} and {temperature}")
    train, rows = unit_rows(train_features), unit_rows(features)
    nearest = min(k, len(train) - leave_one_out)
    votes = np.empty((len(rows), classes))
    step = max(1, SIMILARITIES_PER_BLOCK // len(train))
    for at in range(0, len(rows), step):
        block = slice(at, at + step)
        similarity = rows[block] @ train.T
        if leave_one_out:
            own = np.arange(at, at + len(similarity))
            similarity[own - at, own] = -np.inf
        votes[block] = _votes(similarity, train_targets, classes, nearest, temperature)
    return (nearest * votes + 1 / classes) / (nearest + 1)


def _votes(
    similarity: FloatArray, targets: IntArray, classes: int, k: int, temperature: float
) -> Float64Array:
    """Normalised votes (B, C) from similarities (B, N)."""
    neighbours, weight = _nearest(similarity, k, temperature)
    cells = np.arange(len(similarity))[:, None] * classes + targets[neighbours]
    votes = np.bincount(cells.ravel(), weight.ravel(), minlength=len(similarity) * classes)
    return np.asarray(votes.reshape(-1, classes) / weight.sum(axis=1, keepdims=True))


def _nearest(similarity: FloatArray, k: int, temperature: float) -> tuple[IntArray, Float64Array]:
    """The k nearest columns (B, k) of each row, and their weights (B, k)."""
    neighbours = np.argpartition(similarity, similarity.shape[1] - k, axis=1)[:, -k:]
    nearness = np.take_along_axis(similarity, neighbours, axis=1).astype(np.float64)
    weight = np.exp((nearness - nearness.max(axis=1, keepdims=True)) / temperature)
    return neighbours.astype(np.int64), np.asarray(weight)


def unit_rows(features: FloatArray) -> FloatArray:
    """Rows divided by their length; a row of zeros stays zero."""
    length = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    return np.asarray(features / np.where(length > 0, length, 1.0)[:, None].astype(features.dtype))
