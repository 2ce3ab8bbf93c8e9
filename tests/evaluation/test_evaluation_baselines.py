"""Baselines: what they predict, and that they are fair."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from graft.closedform import fit_probe, softmax
from graft.closedform.neighbours import knn_probabilities
from graft.evaluation.baselines import (
    area_average,
    area_weights,
    kernel_map,
    knn,
    majority,
    raw_pixels,
    small_pictures,
    stratified_rows,
)
from graft.evaluation.metrics import accuracy, log_loss
from graft.types import ByteArray, FloatArray, IntArray


def stripes(rows: int, size: int = 20, seed: int = 0) -> tuple[ByteArray, IntArray]:
    """Noisy pictures that are bright in the upper or in the lower half."""
    random = np.random.default_rng(seed)
    targets = np.arange(rows) % 2
    pixels = random.integers(0, 150, (rows, 3, size, size), dtype=np.uint8)
    pixels[targets == 0, :, : size // 2] += 60
    pixels[targets == 1, :, size // 2 :] += 60
    return pixels, targets


def test_majority_predicts_the_commonest_class_with_its_frequency() -> None:
    targets = np.repeat([0, 1, 2], [100, 300, 100])
    found = majority(targets, 4, 5)
    assert found.shape == (5, 4)
    assert (found.argmax(axis=1) == 1).all()
    np.testing.assert_allclose(found[0], [0.2, 0.6, 0.2, 0.0], atol=0.001)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert log_loss(found, np.array([0, 1, 2, 3, 3])) < 8


def test_knn_is_the_closed_form() -> None:
    random = np.random.default_rng(0)
    x, y, rows = random.random((30, 4)), random.integers(0, 3, 30), random.random((5, 4))
    np.testing.assert_array_equal(knn(x, y, rows, 3), knn_probabilities(x, y, rows, 3))


def test_raw_pixels_learn_what_pixels_show_and_no_more() -> None:
    pixels, targets = stripes(60)
    held, truth = stripes(40, seed=1)
    assert accuracy(raw_pixels(pixels, targets, held, 2), truth) > 0.95
    noise = np.random.default_rng(2).permutation(targets)
    assert log_loss(raw_pixels(pixels, noise, held, 2), truth) < 1.0


def rings(count: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Points within and around a circle: no line parts them."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, 2, count)
    angle, radius = random.random(count) * 2 * np.pi, 1 + 2 * targets + 0.3 * random.random(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), targets


def test_a_kernel_is_the_rival_where_no_line_parts_the_classes() -> None:
    (points, targets), (held, truth) = rings(80, seed=0), rings(60, seed=1)
    line = softmax(fit_probe(points, targets, 2).solution.logits(held))
    assert accuracy(line, truth) < 0.75
    assert accuracy(small_pictures(points, targets, held, 2), truth) == 1.0


def test_a_line_stays_the_rival_where_held_out_rows_prefer_it() -> None:
    random, lengths = np.random.default_rng(0), np.array([1.0, 8.0, 8.0, 8.0])
    points, held = random.normal(size=(200, 4)) * lengths, random.normal(size=(10, 4)) * lengths
    targets = (points[:, 0] > 0).astype(np.int64)  # a kernel hardly sees so short a feature
    line = softmax(fit_probe(points, targets, 2).solution.logits(held))
    np.testing.assert_array_equal(small_pictures(points, targets, held, 2), line)


def test_with_one_row_a_class_nothing_can_be_held_out_and_the_line_stays() -> None:
    points = np.random.default_rng(0).normal(size=(3, 5))
    line = softmax(fit_probe(points, np.arange(3), 3).solution.logits(points))
    np.testing.assert_array_equal(small_pictures(points, np.arange(3), points, 3), line)


def test_the_kernel_map_is_scikit_learns_kernel() -> None:
    random = np.random.default_rng(0)
    rows, others = random.normal(size=(40, 3)), random.normal(size=(7, 3))
    mapped = kernel_map(rows)
    gamma = 1 / (3 * float(rows.var(axis=0).mean()))
    found = mapped(others) @ mapped(rows).T
    np.testing.assert_allclose(found, rbf_kernel(others, rows, gamma=gamma), atol=1e-3)
    assert kernel_map(rows, landmarks=8)(others).shape[1] <= 8
    assert np.isfinite(kernel_map(np.ones((5, 3)))(np.ones((2, 3)))).all()


@pytest.mark.parametrize(("height", "width"), [(32, 48), (20, 16), (8, 40), (65, 33)])
def test_area_average_keeps_constants_and_the_mean(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, height, width), dtype=np.uint8)
    small = area_average(pixels, 16)
    assert small.shape == (3, 2 * min(16, height) * min(16, width))
    channels = small.reshape(3, 2, -1).mean(axis=2)
    np.testing.assert_allclose(channels, pixels.mean(axis=(2, 3)), rtol=1e-4)
    np.testing.assert_allclose(area_average(np.full_like(pixels, 77), 16), 77, rtol=1e-5)


def test_area_average_of_whole_blocks_is_their_mean() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 64), dtype=np.uint8)
    blocks = pixels.reshape(2, 3, 16, 2, 16, 4).mean(axis=(3, 5))
    np.testing.assert_allclose(area_average(pixels, 16), blocks.reshape(2, -1), rtol=1e-5)


@pytest.mark.parametrize(("size", "side"), [(3, 2), (16, 16), (224, 16), (17, 16)])
def test_area_weights_share_every_pixel_out(size: int, side: int) -> None:
    weights = area_weights(size, side)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.sum(axis=0), side / size)


@pytest.mark.parametrize("most", [1, 10, 99, 100, 500])
def test_stratified_rows_keep_the_proportions(most: int) -> None:
    targets = np.repeat([0, 1, 2], [60, 30, 10])
    rows = stratified_rows(targets, most)
    assert len(rows) == min(most, 100)
    assert (np.diff(rows) > 0).all()
    share = np.bincount(targets[rows], minlength=3) / len(rows)
    np.testing.assert_allclose(share, [0.6, 0.3, 0.1], atol=1 / len(rows))
