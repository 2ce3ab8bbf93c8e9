from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm.data
import torch
from PIL import Image

from graft.data.images import PictureFacts, describe, normalise, prepare
from graft.errors import BackboneError, DataError, UnknownNameError
from graft.types import PreprocessSpec

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [(7, 5), (64, 64), (33, 101), (101, 33), (32, 47), (250, 41), (1, 3), (40, 40)]


def spec(
    size: tuple[int, int] = (32, 32),
    *,
    crop_pct: float = 1.0,
    crop_mode: str = "squash",
    interpolation: str = "bilinear",
    channels: int = 3,
    channel_order: str = "RGB",
) -> PreprocessSpec:
    return PreprocessSpec(
        size, crop_pct, crop_mode, interpolation, MEAN[:channels], STD[:channels], channel_order
    )


def random_image(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def timm_transform(chosen: PreprocessSpec, *, normalised: bool) -> Any:
    return timm.data.create_transform(
        input_size=(3, *chosen.size),
        crop_pct=chosen.crop_pct,
        crop_mode=chosen.crop_mode,
        interpolation=chosen.interpolation,
        mean=chosen.mean,
        std=chosen.std,
        is_training=False,
        normalize=normalised,
    )


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("size", [(32, 32), (24, 40), (41, 29)])
def test_pixels_equal_timm(crop_mode: str, crop_pct: float, size: tuple[int, int]) -> None:
    interpolations = ["nearest", "bilinear", "bicubic", "lanczos"]
    for number, (width, height) in enumerate(SIZES):
        chosen = spec(
            size,
            crop_pct=crop_pct,
            crop_mode=crop_mode,
            interpolation=interpolations[number % 4],
        )
        image = random_image(width, height, number)
        expected = timm_transform(chosen, normalised=False)(image).numpy()
        np.testing.assert_array_equal(prepare(image, chosen), expected)


def test_normalised_pixels_equal_timm_bit_by_bit() -> None:
    chosen = spec((24, 24), crop_pct=0.9, crop_mode="center", interpolation="bicubic")
    image = random_image(45, 37)
    ours = normalise(torch.from_numpy(prepare(image, chosen))[None], chosen)
    assert torch.equal(ours[0], timm_transform(chosen, normalised=True)(image))


def test_bgr_turns_the_channels_before_mean_and_deviation() -> None:
    pixels = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    forward = normalise(pixels.flip(1), spec())
    assert torch.equal(normalise(pixels, spec(channel_order="BGR")), forward)


def test_normalise_leaves_its_input_alone() -> None:
    pixels = torch.full((1, 3, 2, 2), 7, dtype=torch.uint8)
    normalise(pixels, spec())
    assert bool((pixels == 7).all())


def colour_of(image: Image.Image, channels: int = 3) -> list[int]:
    pixels = prepare(image, spec((2, 2), channels=channels))
    assert pixels.shape == (channels, 2, 2)
    assert pixels.dtype == np.uint8
    return [int(value) for value in pixels[:, 0, 0]]


def palette_image(transparent: bool) -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    if transparent:
        image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("RGB", (4, 4), (10, 20, 30)), [10, 20, 30]),
        (Image.new("L", (4, 4), 77), [77] * 3),
        (Image.new("1", (4, 4), 1), [255] * 3),
        (palette_image(transparent=False), [10, 20, 30]),
        (palette_image(transparent=True), [255] * 3),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 255)), [10, 20, 30]),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 0)), [255] * 3),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 51)), [204] * 3),
        (Image.new("LA", (4, 4), (50, 0)), [255] * 3),
        (Image.new("LA", (4, 4), (50, 255)), [50] * 3),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 0)), [255] * 3),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), [255, 0, 0]),
        (Image.fromarray(np.full((4, 4), 65535, np.uint16)), [255] * 3),
        (Image.fromarray(np.full((4, 4), 257 * 40, np.uint16)), [40] * 3),
        (Image.fromarray(np.full((4, 4), 257 * 40, np.int32)), [40] * 3),
        (Image.fromarray(np.full((4, 4), 200, np.int32)), [200] * 3),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_every_mode_becomes_the_colour_that_people_see(
    image: Image.Image, colour: list[int]
) -> None:
    assert colour_of(image) == colour


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(1, 256)
    pixels = prepare(Image.fromarray(ramp), spec((1, 256)))
    np.testing.assert_array_equal(pixels[0, 0], np.arange(256))


def test_sixteen_bit_grey_is_rounded_to_the_nearest() -> None:
    values = np.arange(0, 65536, 37, dtype=np.uint16)[None]
    pixels = prepare(Image.fromarray(values), spec((1, values.size)))
    np.testing.assert_array_equal(pixels[0], np.rint(values / 257))


def test_grey_backbones_get_one_channel() -> None:
    image = random_image(5, 5)
    pixels = prepare(image, spec((5, 5), channels=1))
    np.testing.assert_array_equal(pixels[0], np.asarray(image.convert("L")))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("F", (4, 4), 0.5),
        Image.fromarray(np.full((4, 4), -1, np.int32)),
        Image.fromarray(np.full((4, 4), 70_000, np.int32)),
    ],
    ids=["float", "negative", "beyond 16 bits"],
)
def test_values_without_a_fixed_range_are_refused(image: Image.Image) -> None:
    with pytest.raises(DataError, match="no fixed range"):
        prepare(image, spec())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    upright = random_image(6, 4)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright.copy()
    stored.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(
        prepare(stored, spec((4, 6))), np.asarray(upright).transpose(2, 0, 1)
    )


def test_unreadable_exif_data_turn_nothing() -> None:
    image = random_image(6, 4)
    image.info["exif"] = b"Exif\0\0II*\0\xff\xff\xff\xff no directory here"
    pixels = prepare(image, spec((4, 6)))
    np.testing.assert_array_equal(pixels, np.asarray(image).transpose(2, 0, 1))


def test_border_is_filled_with_the_mean_colour_red_first() -> None:
    wide = Image.new("RGB", (40, 4), (0, 0, 0))
    fill = [round(255 * value) for value in MEAN]
    rgb = prepare(wide, spec(crop_mode="border"))
    bgr = prepare(wide, spec(crop_mode="border", channel_order="BGR"))
    assert rgb[:, 0, 0].tolist() == fill
    assert bgr[:, 0, 0].tolist() == fill[::-1]


def test_a_threadlike_picture_is_a_reason_not_a_full_memory() -> None:
    with pytest.raises(DataError, match="elongated"):
        prepare(Image.new("L", (60_000, 1)), spec((224, 224), crop_mode="center"))


@pytest.mark.parametrize("field", ["crop_mode", "interpolation"])
def test_unknown_settings_are_answered_with_the_known_ones(field: str) -> None:
    fields = {**spec().to_dict(), field: "bicubik"}
    with pytest.raises(UnknownNameError):
        prepare(random_image(4, 4), PreprocessSpec.from_dict(fields))


def test_other_channel_counts_are_the_backbones_fault() -> None:
    with pytest.raises(BackboneError, match="2 channels"):
        prepare(random_image(4, 4), spec(channels=2))


def test_describe_tells_what_is_stored() -> None:
    assert describe(Image.new("I;16", (7, 3))) == PictureFacts("I;16", 7, 3)
