"""What any model must beat: the majority, the neighbours and the raw pixels."""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array, softmax
from graft.closedform.neighbours import NEIGHBOURS, TEMPERATURE, knn_probabilities
from graft.closedform.probe import fit_probe
from graft.types import ByteArray, FloatArray, IntArray

SIDE = 16
"""Raw pixels are averaged to SIDE x SIDE."""
MOST_ROWS = 5000
"""Training rows that the raw-pixel baseline looks at."""
PIXELS_PER_BLOCK = 2**24


def majority(train_targets: IntArray, classes: int, rows: int) -> Float64Array:
    """The class frequencies of the training rows for every row, (rows, C).

    One further example is spread evenly over all classes, so that an absent class does not make
    the log loss infinite.

    >>> majority(np.array([0, 0, 1]), 2, 1).tolist()
    [[0.625, 0.375]]
    """
    counts = np.bincount(train_targets, minlength=classes) + 1 / classes
    return np.tile(counts / counts.sum(), (rows, 1))


def knn(
    train_features: FloatArray,
    train_targets: IntArray,
    features: FloatArray,
    classes: int,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Float64Array:
    """Nearest neighbours on the backbone's features: `graft.closedform.knn_probabilities`."""
    return knn_probabilities(
        train_features, train_targets, features, classes, k=k, temperature=temperature
    )


def raw_pixels(
    train_pixels: ByteArray,
    train_targets: IntArray,
    pixels: ByteArray,
    classes: int,
    *,
    side: int = SIDE,
    most_rows: int = MOST_ROWS,
) -> Float64Array:
    """Logistic regression on small pictures: what is possible without any pretrained model.

    Pictures are averaged by area to at most `side` x `side`; standardisation and penalty are those
    of the linear probe (`graft.closedform.fit_probe`, cross-validated).

    Args:
        train_pixels: (N, channels, H, W) uint8.
        train_targets: (N,) class indices.
        pixels: (M, channels, H, W) uint8, the rows to predict.
        classes: C.
        side: Pixels a side after averaging.
        most_rows: Training rows used, a fixed stratified choice of them.

    Returns:
        (M, C) probabilities.
    """
    chosen = stratified_rows(train_targets, most_rows)
    probe = fit_probe(area_average(train_pixels[chosen], side), train_targets[chosen], classes)
    return np.asarray(softmax(probe.solution.logits(area_average(pixels, side))), dtype=np.float64)


def stratified_rows(targets: IntArray, most: int) -> IntArray:
    """At most `most` row numbers, sorted, each class in proportion; same targets, same choice.

    >>> stratified_rows(np.array([0, 0, 0, 0, 1, 1]), 3).size
    3
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    order = np.random.default_rng(0).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    taken = (np.arange(most) * len(targets)) // most  # evenly along the rows sorted by class
    return np.sort(order[taken])


def area_average(pixels: ByteArray, side: int) -> FloatArray:
    """Pictures (N, channels, H, W) averaged by area to rows of at most side * side a channel.

    A picture with fewer pixels a side keeps them. Values stay in 0 ... 255.
    """
    count, channels, height, width = pixels.shape
    down = area_weights(height, min(side, height)).astype(np.float32)
    across = area_weights(width, min(side, width)).T.astype(np.float32)
    small = np.empty((count, channels * len(down) * across.shape[1]), dtype=np.float32)
    step = max(1, PIXELS_PER_BLOCK // (channels * height * width))
    for at in range(0, count, step):
        block = pixels[at : at + step].reshape(-1, width).astype(np.float32)
        narrow = (block @ across).reshape(-1, channels, height, across.shape[1])
        small[at : at + step] = (down @ narrow).reshape(len(narrow), -1)
    return small


def area_weights(size: int, side: int) -> FloatArray:
    """The share (side, size) of each pixel in each of `side` equal stretches of a line.

    >>> area_weights(3, 2).round(3).tolist()
    [[0.667, 0.333, 0.0], [0.0, 0.333, 0.667]]
    """
    edges = np.linspace(0, size, side + 1)
    pixel = np.arange(size)
    low = np.maximum(edges[:-1, None], pixel)
    high = np.minimum(edges[1:, None], pixel + 1)
    shares = np.maximum(high - low, 0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)
