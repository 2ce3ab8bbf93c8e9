"""The fast JPEG path: Pillow's answer up to one level of rounding, or none."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from graft.data.decode import decode, decoder
from graft.data.images import prepare
from graft.data.jpeg import applies, engine, prepare_jpeg
from graft.data.pictures import ArrayPicture, BytesPicture, decode_bytes
from graft.errors import DataError
from graft.types import ByteArray, PreprocessSpec

SPEC = PreprocessSpec((32, 32), 0.875, "center", "bicubic", (0.5,) * 3, (0.5,) * 3)

pytestmark = pytest.mark.skipif(not engine(), reason="torchvision has no JPEG decoder here")


def photo(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Smooth colours with a little noise, as photographs have."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 9 + 2, width // 9 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height)), dtype=np.int16)
    noisy = (smooth + random.integers(-9, 10, smooth.shape)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(noisy).convert(mode)


def jpeg(image: Image.Image, orientation: int | None = None, **options: object) -> bytes:
    file, exif = BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    image.save(file, "JPEG", exif=exif, **options)
    return file.getvalue()


def by_pillow(data: bytes, spec: PreprocessSpec) -> ByteArray:
    return prepare(decode_bytes(data), spec)


def fast(data: bytes, spec: PreprocessSpec = SPEC) -> ByteArray:
    found = prepare_jpeg(data, spec)
    assert found is not None
    return found[0]


def assert_rounding(found: ByteArray, expected: ByteArray) -> None:
    """At most one level anywhere, and that in few places."""
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert found.shape == expected.shape
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.05


@pytest.mark.parametrize("size", [(90, 70), (70, 90), (200, 41), (64, 64), (37, 38), (20, 24)])
@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pixels_are_pillows_up_to_rounding(
    size: tuple[int, int], crop_mode: str, interpolation: str
) -> None:
    spec = replace(SPEC, crop_mode=crop_mode, interpolation=interpolation, size=(32, 28))
    data = jpeg(photo(*size))
    assert_rounding(fast(data, spec), by_pillow(data, spec))


def test_without_a_resize_they_are_equal() -> None:
    spec = replace(SPEC, size=(48, 48), crop_pct=1.0)
    for options in ({"quality": 40}, {"subsampling": 0}, {"progressive": True}, {"quality": 95}):
        data = jpeg(photo(48, 60), **options)
        np.testing.assert_array_equal(fast(data, spec), by_pillow(data, spec))


@pytest.mark.parametrize("orientation", [*range(10), None])
def test_exif_rotation_is_applied(orientation: int | None) -> None:
    data = jpeg(photo(70, 50), orientation)
    assert_rounding(fast(data), by_pillow(data, SPEC))
    if orientation in range(2, 9):
        turned = ImageOps.exif_transpose(Image.open(BytesIO(data)))
        assert_rounding(fast(data), prepare(turned, SPEC))


def test_grey_pictures_for_colour_and_for_grey_backbones() -> None:
    data = jpeg(photo(70, 50, "L"))
    assert_rounding(fast(data), by_pillow(data, SPEC))
    grey = replace(SPEC, mean=(0.5,), std=(0.5,))
    assert_rounding(fast(data, grey), by_pillow(data, grey))


def test_facts_are_those_of_the_file() -> None:
    found = prepare_jpeg(jpeg(photo(70, 50, "L"), orientation=6), SPEC)
    assert found is not None
    assert (found[1].mode, found[1].width, found[1].height) == ("L", 70, 50)


def encoded(image: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        (jpeg(photo(50, 50, "CMYK")), SPEC),
        (encoded(photo(50, 50), "PNG"), SPEC),
        (encoded(photo(50, 50), "GIF"), SPEC),
        (jpeg(photo(50, 50)), replace(SPEC, mean=(0.5,), std=(0.5,))),
        (jpeg(photo(50, 50))[:400], SPEC),
        (b"", SPEC),
        (b"\xff\xd8\xff", SPEC),
    ],
    ids=["CMYK", "PNG", "GIF", "colour to grey", "cut short", "empty", "start alone"],
)
def test_the_rest_is_left_to_pillow(data: bytes, spec: PreprocessSpec) -> None:
    assert prepare_jpeg(data, spec) is None


@pytest.mark.parametrize("change", [{"interpolation": "lanczos"}, {"crop_mode": "border"}])
def test_specs_that_only_pillow_can_do(change: dict[str, str]) -> None:
    assert applies(SPEC)
    assert not applies(replace(SPEC, **change))  # type: ignore[arg-type]
    assert decoder(replace(SPEC, **change)) == ""  # type: ignore[arg-type]
    assert "torchvision" in decoder(SPEC)


def pillows_answer(data: bytes) -> tuple[str | None, ByteArray | None]:
    """Its reason, or its pixels."""
    try:
        return None, by_pillow(data, SPEC)
    except DataError as problem:
        return problem.found, None


def test_damage_is_judged_by_pillow_whatever_byte_is_hit() -> None:
    """No damaged file is taken that Pillow refuses, and what both take is the same picture."""
    whole = jpeg(photo(64, 48))
    random = np.random.default_rng(0)
    taken = refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        at = int(random.integers(len(whole)))
        damaged[at] = int(random.integers(256))
        if random.random() < 0.3:
            del damaged[int(random.integers(at, len(whole))) :]
        outcome = decode(0, BytesPicture(bytes(damaged), "damaged"), SPEC)
        reason, expected = pillows_answer(bytes(damaged))
        assert outcome.reason == reason
        if expected is None:
            refused += 1
            assert outcome.pixels is None
        else:
            taken += 1
            assert outcome.pixels is not None
            assert np.abs(outcome.pixels.astype(int) - expected).max() <= 1
    assert taken > 20
    assert refused > 20


def test_arrays_are_pillows() -> None:
    pixels = np.asarray(photo(50, 40))
    outcome = decode(0, ArrayPicture(pixels, "x"), SPEC)
    np.testing.assert_array_equal(outcome.pixels, prepare(Image.fromarray(pixels), SPEC))
