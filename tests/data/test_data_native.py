"""Sizes and colours as they were stored."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from graft.data import ArrayPicture, BytesPicture, ImagePicture
from graft.data.native import Native, native_look

RNG = np.random.default_rng(0)


def ink(height: int, width: int) -> ArrayPicture:
    """Any shades between two colours."""
    amount = RNG.random((height, width, 1))
    mixed = amount * np.array([20, 30, 120]) + (1 - amount) * np.array([250, 245, 230])
    return ArrayPicture(np.rint(mixed).astype(np.uint8), "ink")


def drawing(side: int) -> ArrayPicture:
    return ArrayPicture(RNG.integers(0, 256, (side, side, 3)).astype(np.uint8), "drawing")


def grey(side: int) -> ArrayPicture:
    return ArrayPicture(RNG.integers(0, 256, (side, side)).astype(np.uint8), "grey")


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([grey(8)] * 3, Native(8.0, coloured=False)),
        ([ink(16, 4)], Native(8.0, coloured=False)),
        ([grey(8), drawing(32), drawing(48)], Native(32.0, coloured=True)),
        ([grey(8), grey(10), drawing(48)], Native(10.0, coloured=False)),
        ([ArrayPicture(np.full((5, 5, 3), 7, np.uint8), "flat")], Native(5.0, coloured=False)),
    ],
)
def test_median_side_and_majority_of_colours(
    pictures: list[ArrayPicture], expected: Native
) -> None:
    assert native_look(pictures) == expected


def test_what_cannot_be_read_does_not_count() -> None:
    broken = BytesPicture(b"nothing", "broken")
    floats = ImagePicture(Image.new("F", (9, 9)), "floats")
    assert native_look([broken, floats, drawing(12)]) == Native(12.0, coloured=True)
    assert native_look([broken]) is None
    assert native_look([]) is None


def test_a_few_rows_spread_over_the_data_are_opened() -> None:
    rows = [grey(8)] * 10 + [drawing(40)] * 10
    assert native_look(rows, most=1) == Native(8.0, coloured=False)
    assert native_look(rows, most=2) == Native(24.0, coloured=True)
