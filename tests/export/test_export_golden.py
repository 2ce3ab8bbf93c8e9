"""Golden pictures."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from graft.export.golden import SIZES, compare, golden_inputs, golden_pictures
from graft.types import PreprocessSpec

SPEC = PreprocessSpec((24, 32), 0.9, "center", "bicubic", (0.5,) * 3, (0.25,) * 3)


def test_the_pictures_are_sixteen_of_the_announced_sizes() -> None:
    pictures = golden_pictures()
    assert len(pictures) == 16
    assert [picture.shape for picture in pictures] == [(*size, 3) for size in SIZES]
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}


def test_the_pictures_are_always_the_same() -> None:
    first, second = (hashlib.sha256(b"".join(p.tobytes() for p in golden_pictures())) for _ in "ab")
    assert first.hexdigest() == second.hexdigest()


def test_the_pictures_are_colourful_and_different() -> None:
    means = np.stack([picture.mean((0, 1)) for picture in golden_pictures()])
    assert (np.ptp(means, axis=1) > 2).all()  # red and blue exchanged would show
    assert len(np.unique(means.round(), axis=0)) == 16
    assert all(picture.std() > 10 for picture in golden_pictures())


@pytest.mark.parametrize(
    "change",
    [
        {"crop_pct": 0.8},
        {"crop_mode": "squash"},
        {"crop_mode": "border"},
        {"interpolation": "nearest"},
        {"mean": (0.5, 0.5, 0.4)},
        {"std": (0.25, 0.25, 0.2)},
        {"channel_order": "BGR"},
    ],
)
def test_every_part_of_the_preprocessing_shows_in_every_input(change: dict[str, object]) -> None:
    pictures = golden_pictures()
    fields = {**SPEC.to_dict(), **change}
    usual = golden_inputs(pictures, SPEC)
    changed = golden_inputs(pictures, PreprocessSpec.from_dict(fields))
    assert usual.shape == changed.shape == (16, 3, 24, 32)
    assert ((usual - changed).abs().amax((1, 2, 3)) > 0.01).sum() >= 14


@pytest.mark.parametrize(
    ("largest", "moved", "agrees"),
    [(0.1, 0.9e-3, True), (0.1, 1.1e-3, False), (50.0, 0.049, True), (50.0, 0.051, False)],
)
def test_the_tolerance_is_relative_to_the_largest_logit(
    largest: float, moved: float, agrees: bool
) -> None:
    golden = torch.tensor([[largest, 0.0]], dtype=torch.float64)
    assert compare(golden + moved, golden).agrees is agrees


def test_no_number_never_agrees() -> None:
    assert not compare(torch.tensor([[float("nan")]]), torch.zeros(1, 1)).agrees
