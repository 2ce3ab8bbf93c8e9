from __future__ import annotations

import pytest
from PIL import Image

from graft.data.thumbnail import thumbnail


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 200), (100, 50)), ((30, 90), (30, 90)), ((99, 300), (33, 100))]
)
def test_the_longer_side_is_bounded_and_small_pictures_stay(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert thumbnail(Image.new("L", size), 100).size == expected


def test_it_is_upright_in_colour_and_on_white() -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.getexif()[0x0112] = 6
    small = thumbnail(image, 100)
    assert (small.mode, small.size) == ("RGB", (20, 40))
    assert small.getpixel((0, 0)) == (255, 255, 255)


def test_the_picture_itself_stays_as_it_is() -> None:
    image = Image.new("RGB", (400, 200))
    thumbnail(image, 100)
    assert image.size == (400, 200)
