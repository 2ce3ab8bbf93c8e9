"""What any model must beat: the majority, the neighbours and the raw pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graft.closedform.linear import Float64Array, softmax
from graft.closedform.neighbours import NEIGHBOURS, TEMPERATURE, knn_probabilities
from graft.closedform.probe import fit_probe
from graft.types import ByteArray, FloatArray, IntArray

SIDE = 16
"""Raw pixels are averaged to SIDE x SIDE."""
MOST_ROWS = 5000
"""Training rows that the raw-pixel baseline looks at."""
KERNEL_ROWS = 2000
"""With more training rows the kernel would cost more seconds than a quick run has."""
LANDMARKS = 300
ONE_SCALE = 1e12
"""The shrinkage at which all features are divided by one number: the kernel's lengths stay."""
SMALLEST_SHARE = 1e-6
"""Of the largest eigenvalue: directions of the kernel with less are rounding."""
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
    """The better of two classifiers of small pictures: what needs no pretrained model.

    Pictures are averaged by area to at most `side` x `side`; see `small_pictures`.

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
    small = area_average(train_pixels[chosen], side)
    return small_pictures(small, train_targets[chosen], area_average(pixels, side), classes)


def small_pictures(
    train: FloatArray, targets: IntArray, wanted: FloatArray, classes: int
) -> Float64Array:
    """A linear or a kernel classifier, whichever errs less on training rows held out.

    Both are logistic regressions whose penalty is cross-validated (`graft.closedform.fit_probe`):
    one on the pixels, one on what an RBF kernel makes of them (`kernel_map`), which on coloured
    drawings is the stronger rival. The kernel is tried on at most `KERNEL_ROWS` rows, and where
    there are rows to hold out.

    Args:
        train: (N, D) pixels.
        targets: (N,) class indices.
        wanted: (M, D) pixels of the rows to predict.
        classes: C.

    Returns:
        (M, C) probabilities.
    """
    linear = fit_probe(train, targets, classes)
    logits = linear.solution.logits(wanted)
    if linear.scores and len(train) <= KERNEL_ROWS:
        mapped = kernel_map(train)
        curved = fit_probe(mapped(train), targets, classes, shrinkage=ONE_SCALE)
        if curved.scores and min(curved.scores.values()) < min(linear.scores.values()):
            logits = curved.solution.logits(mapped(wanted))
    return np.asarray(softmax(logits), dtype=np.float64)


def kernel_map(rows: FloatArray, landmarks: int = LANDMARKS) -> Callable[[FloatArray], FloatArray]:
    """Features whose inner products are about those of an RBF kernel.

    The kernel is `exp(-|a - b|^2 / v)`, with v the summed variance of the features (scikit-learn's
    `gamma="scale"`). Nystroem's method (Williams and Seeger 2001, section 3) on landmarks evenly
    spread over the rows; with no more rows than landmarks it is exact on them.

    Args:
        rows: (N, D) that set the width and give the landmarks.
        landmarks: How many at most.

    Returns:
        From (M, D) to (M, K), K at most the number of landmarks.
    """
    wide = np.asarray(rows, dtype=np.float64)
    centre = wide.mean(axis=0)
    width = max(float(wide.var(axis=0).sum()), np.finfo(np.float64).tiny)
    places = np.linspace(0, len(wide) - 1, min(landmarks, len(wide))).astype(np.int64)
    known = wide[places] - centre

    def kernel(asked: FloatArray) -> Float64Array:
        other = asked - centre
        squares = (other**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * other @ known.T
        return np.asarray(np.exp(-np.maximum(squares, 0) / width), dtype=np.float64)

    values, vectors = np.linalg.eigh(kernel(wide[places]))
    kept = values > SMALLEST_SHARE * values[-1]
    whitening = vectors[:, kept] / np.sqrt(values[kept])
    return lambda asked: np.asarray(kernel(asked) @ whitening)


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
