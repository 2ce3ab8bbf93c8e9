"""From a picture to the backbone's input: colour mode, resize, crop, normalise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from graft.data.pictures import DAMAGE, scale_16_bits
from graft.data.quiet import quiet_pillow
from graft.errors import BackboneError, DataError, UserError, unknown_name
from graft.types import ByteArray, PreprocessSpec

if TYPE_CHECKING:
    from torch import Tensor

_INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
_COLOURS = {1: "L", 3: "RGB"}
_ORIENTATION = 0x0112  # of EXIF; 1 is upright
_WHITE = (255, 255, 255, 255)
_MOST_PIXELS = 100_000_000  # after the resize; 300 MB as RGB

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the report says of a picture as it was stored.

    Attributes:
        mode: Pillow's mode: `RGB`, `L`, `P`, `I;16`, ...
        width: Pixels, before any rotation.
        height: Pixels, before any rotation.
    """

    mode: str
    width: int
    height: int


def describe(image: Image.Image) -> PictureFacts:
    """The stored mode and size of a picture.

    >>> describe(Image.new("L", (5, 3)))
    PictureFacts(mode='L', width=5, height=3)
    """
    return PictureFacts(image.mode, image.width, image.height)


def prepare(image: Image.Image, spec: PreprocessSpec) -> ByteArray:
    """Makes a picture into pixels of the spec's size: rotation, colour, resize, crop.

    EXIF rotation is applied; transparent parts lie on white; 16-bit grey keeps its full range.
    Resize and crop equal `timm.data.create_transform(is_training=False)` pixel by pixel.

    Args:
        image: In any mode with a fixed range.
        spec: The checkpoint's preprocessing.

    Returns:
        (channels, H, W) pixels, red first whatever `spec.channel_order` says.

    Raises:
        DataError: The mode has no fixed range, or the picture is damaged or too elongated;
            `found` is the reason alone.
        BackboneError: The spec asks for other than 1 or 3 channels.

    >>> spec = PreprocessSpec((2, 4), 1.0, "squash", "bilinear", (0.5,) * 3, (0.5,) * 3)
    >>> prepare(Image.new("L", (9, 9), 7), spec).shape
    (3, 2, 4)
    """
    colour = _mode_of(spec)
    with quiet_pillow():
        try:
            pixels = np.asarray(_fitted(coloured(upright(image), colour), spec))
        except UserError:
            raise
        except DAMAGE as error:
            raise DataError(
                f"the picture cannot be converted from {image.mode}: {error}"
            ) from error
    return np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1))


def normalise(pixels: Tensor, spec: PreprocessSpec) -> Tensor:
    """Divides by 255, subtracts the mean and divides by the standard deviation.

    With `channel_order` BGR the channels are turned round first; mean and standard deviation
    stand in the order that the backbone sees.

    Args:
        pixels: (B, channels, H, W) uint8, red first.
        spec: The checkpoint's preprocessing.

    Returns:
        (B, channels, H, W) float32.
    """
    scaled = pixels.float().div(255)
    if spec.channel_order == "BGR":
        scaled = scaled.flip(1)
    mean, std = (scaled.new_tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
    return scaled.sub_(mean).div_(std)


def _mode_of(spec: PreprocessSpec) -> str:
    if spec.channels not in _COLOURS:
        raise BackboneError(
            f"The backbone wants pictures of {spec.channels} channels",
            allowed="1 (grey) or 3 (colour)",
            next="choose a backbone with 1 or 3 input channels",
        )
    return _COLOURS[spec.channels]


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say; unreadable EXIF data turn nothing."""
    try:
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
        return ImageOps.exif_transpose(image) if turned else image
    except DAMAGE:
        return image


def coloured(image: Image.Image, mode: str) -> Image.Image:
    """The picture as `RGB` or `L`: transparent parts on white, 16-bit grey scaled to 8 bits.

    Raises:
        DataError: The mode has no fixed range.
    """
    if image.mode == "F":
        raise DataError(
            "floating-point pixels (mode F) have no fixed range",
            allowed="8-bit or 16-bit pictures",
            next="scale the pixels to 0..255 and save them as 8-bit",
        )
    if image.mode.startswith("I"):
        return _grey_from_integers(image).convert(mode)
    if _is_transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    if image.mode == mode:
        return image  # a copy of a large picture is dear
    if image.mode == "L":
        return image.convert(mode)
    return image.convert("RGB").convert(mode)


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _grey_from_integers(image: Image.Image) -> Image.Image:
    """Modes I;16 (always 0..65535) and I (32 bits, which hold 8 or 16 used ones)."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise DataError(
            f"32-bit grey values from {low} to {high} have no fixed range",
            allowed="0..255 or 0..65535",
            next="scale the pixels to 0..255 and save them as 8-bit",
        )
    if image.mode == "I" and high <= 255:
        return Image.fromarray(values.astype(np.uint8))
    return Image.fromarray(scale_16_bits(values))


def _fitted(image: Image.Image, spec: PreprocessSpec) -> Image.Image:
    """Resize and crop as `timm.data.transforms_factory.transforms_imagenet_eval` (timm 1.0)."""
    height, width = resized_to((image.height, image.width), spec)
    if (height, width) != (image.height, image.width):
        image = image.resize((width, height), _INTERPOLATIONS[spec.interpolation])
    return _centre(image, spec.size, _fill(spec) if spec.crop_mode == "border" else 0)


def resized_to(size: Size, spec: PreprocessSpec) -> Size:
    """Height and width to which a picture of this height and width is resized before the crop.

    Raises:
        UnknownNameError: The spec's crop mode or interpolation has no such name.
        DataError: The picture is too elongated.
    """
    if spec.crop_mode not in _RESIZED:
        raise unknown_name("crop mode", spec.crop_mode, _RESIZED)
    if spec.interpolation not in _INTERPOLATIONS:
        raise unknown_name("interpolation", spec.interpolation, _INTERPOLATIONS)
    scaled = (math.floor(spec.size[0] / spec.crop_pct), math.floor(spec.size[1] / spec.crop_pct))
    height, width = _RESIZED[spec.crop_mode](size, scaled)
    if height * width > _MOST_PIXELS or min(height, width) < 1:
        raise DataError(
            f"the picture is too elongated: {size[1]} x {size[0]} pixels",
            next="crop it to the part that matters",
        )
    return height, width


def centre_corner(size: Size, target: Size) -> tuple[int, int]:
    """Top and left of the middle `target` of a picture, both height and width.

    Rounded to even as torchvision has it; negative where the picture is smaller.

    >>> centre_corner((9, 4), (4, 4))
    (2, 0)
    """
    return round((size[0] - target[0]) / 2.0), round((size[1] - target[1]) / 2.0)


def _resized_center(image: Size, target: Size) -> Size:
    """Short side to the target. timm takes torchvision's rounding where the target is square."""
    height, width = image
    if target[0] != target[1]:
        ratio = min(height / target[0], width / target[1])
        return round(height / ratio), round(width / ratio)
    short, long = min(image), max(image)
    stretched = int(target[0] * long / short)
    return (stretched, target[0]) if width <= height else (target[0], stretched)


def _resized_squash(image: Size, target: Size) -> Size:  # noqa: ARG001 - one signature for all
    return target


def _resized_border(image: Size, target: Size) -> Size:
    """Long side to the target."""
    height, width = image
    ratio = max(height / target[0], width / target[1])
    return round(height / ratio), round(width / ratio)


_RESIZED = {"center": _resized_center, "squash": _resized_squash, "border": _resized_border}


def _fill(spec: PreprocessSpec) -> int | tuple[int, ...]:
    """The mean colour, red first."""
    mean = spec.mean[::-1] if spec.channel_order == "BGR" else spec.mean
    colour = tuple(round(255 * value) for value in mean)
    return colour if len(colour) > 1 else colour[0]


def _centre(image: Image.Image, size: Size, fill: int | tuple[int, ...]) -> Image.Image:
    """The middle `size` of the picture, padded where it is smaller."""
    height, width = size
    missing_w, missing_h = max(width - image.width, 0), max(height - image.height, 0)
    if missing_w or missing_h:
        border = (missing_w // 2, missing_h // 2, (missing_w + 1) // 2, (missing_h + 1) // 2)
        image = ImageOps.expand(image, border=border, fill=fill)
    top, left = centre_corner((image.height, image.width), size)
    return image.crop((left, top, left + width, top + height))
