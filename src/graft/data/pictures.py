"""Where one picture's bytes come from: a file, an array, encoded bytes or a PIL image."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from graft.data.files import read_file
from graft.data.quiet import quiet_pillow
from graft.errors import DataError

# What Pillow's decoders raise on damaged files; they are many and not documented as a set.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
FORMATS = (
    *("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "TGA"),
    *("ICO", "PCX"),
)
"""Whatever a file is called. Pillow knows more, of which one, EPS, starts another program."""
_CUT_SHORT = ("truncat", "broken data stream", "broken png", "unexpected end", "not enough")


class Picture(Protocol):
    """One picture that can be opened and told apart from others by its content."""

    @property
    def name(self) -> str:
        """What the user sees: the path as given, or the place in an array or table."""

    def open(self) -> Image.Image:
        """The picture, fully loaded.

        Raises:
            DataError: It cannot be read; `found` is the reason alone, without the name.
        """

    def digest(self) -> bytes:
        """The 32-byte SHA-256 of the input bytes, independent of the name.

        Raises:
            DataError: The bytes cannot be read.
        """


@dataclass(frozen=True, eq=False)
class FilePicture:
    """A picture file.

    Attributes:
        path: Where it lies.
        shown: The path as the user gave it.
    """

    path: Path
    shown: str

    @property
    def name(self) -> str:
        """The path as the user gave it."""
        return self.shown

    def open(self) -> Image.Image:
        """The picture, fully loaded; see `Picture.open`."""
        return decode_bytes(self.encoded())

    def encoded(self) -> bytes:
        """The file's content.

        A file that was written anew since its digest was taken is refused: its pixels must never
        be stored under the digest of others.

        Raises:
            DataError: It cannot be read, or changed.
        """
        content = self._bytes()
        known = self.__dict__.get("_digest")
        if known is not None and hashlib.sha256(content).digest() != known:
            raise DataError("the file changed while it was being used")
        return content

    def digest(self) -> bytes:
        """SHA-256 of the file's content, read once."""
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self._bytes()).digest()

    def _bytes(self) -> bytes:
        return read_file(self.path)


@dataclass(frozen=True, eq=False)
class BytesPicture:
    """An encoded picture (PNG, JPEG, ...) held in memory.

    Attributes:
        data: The encoded bytes.
        name: Its place in the table.
    """

    data: bytes
    name: str

    def open(self) -> Image.Image:
        """The picture, fully loaded; see `Picture.open`."""
        return decode_bytes(self.data)

    def encoded(self) -> bytes:
        """The encoded bytes."""
        return self.data

    def digest(self) -> bytes:
        """SHA-256 of the encoded bytes: equal to that of a file with this content."""
        return hashlib.sha256(self.data).digest()


@dataclass(frozen=True, eq=False, slots=True)
class ArrayPicture:
    """Pixels held in memory.

    Attributes:
        array: (H, W) or (H, W, C) with C of 1, 3 or 4; uint8, uint16 or bool.
        name: Its place in the array.
    """

    array: npt.NDArray[Any]
    name: str

    def open(self) -> Image.Image:
        """The picture as a PIL image of mode L, I;16, RGB or RGBA; see `Picture.open`."""
        return image_of(self.array)

    def digest(self) -> bytes:
        """SHA-256 of dtype, shape and pixels."""
        header = f"{self.array.dtype.str} {self.array.shape} ".encode()
        return hashlib.sha256(header + self.array.tobytes()).digest()


@dataclass(frozen=True, eq=False)
class ImagePicture:
    """A PIL image.

    Attributes:
        image: The image; its EXIF rotation is still to be applied.
        name: Its place among the inputs.
    """

    image: Image.Image
    name: str

    def open(self) -> Image.Image:
        """The image, fully loaded; see `Picture.open`."""
        with quiet_pillow():
            return _load(self.image)

    def digest(self) -> bytes:
        """SHA-256 of mode, size, palette, transparency, rotation and pixels."""
        image = self.open()
        with quiet_pillow():
            palette = bytes(image.getpalette("RGB") or ()) if image.mode == "P" else b""
            facts = (image.mode, image.size, image.info.get("transparency"), palette)
            header = repr((*facts, image.getexif().get(0x0112))).encode()
            return hashlib.sha256(header + image.tobytes()).digest()


ENCODED = (FilePicture, BytesPicture)
"""The kinds of pictures that come as encoded bytes."""


def image_of(array: npt.NDArray[Any]) -> Image.Image:
    """Pixels as a PIL image.

    Args:
        array: (H, W) or (H, W, C) with C of 1, 3 or 4; uint8, uint16 or bool.

    Raises:
        DataError: Another shape or type.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise DataError(
            f"an array of shape {array.shape} is not a picture",
            allowed="height x width, or height x width x channels with 1, 3 or 4 channels",
        )
    if 0 in array.shape:
        raise DataError(f"an array of shape {array.shape} has no pixels")
    return Image.fromarray(np.ascontiguousarray(_eight_bits(array)))


def _eight_bits(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        # Pillow has a 16-bit grey mode and no 16-bit colour mode.
        return array if array.ndim == 2 else scale_16_bits(array)
    raise DataError(
        f"pixels of type {array.dtype} have no fixed range",
        allowed="uint8, uint16 or bool",
        next="scale them to 0..255 and convert with .astype('uint8')",
    )


def scale_16_bits(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """0..65535 to 0..255, rounded: 65535 = 255 x 257, so full scale maps onto full scale.

    >>> scale_16_bits(np.array([0, 257, 65535], dtype=np.uint16)).tolist()
    [0, 1, 255]
    """
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


@cache
def _formats() -> tuple[str, ...]:
    """Of the formats that are read those that this Pillow knows."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def decode_bytes(data: bytes) -> Image.Image:
    """The first frame of an encoded picture, fully loaded.

    Raises:
        DataError: The bytes are no whole picture; `found` is the reason.
    """
    if not data:
        raise DataError("the file is empty (0 bytes)")
    with quiet_pillow():
        try:
            image = Image.open(BytesIO(data), formats=_formats())
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(f"the picture is too large to open safely: {error}") from error
        except UnidentifiedImageError as error:
            raise DataError("the content is no picture in a known format") from error
        except DAMAGE as error:
            raise DataError(_reason(error)) from error
        return _load(image)


def _load(image: Image.Image) -> Image.Image:
    try:
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"the picture is too large to open safely: {error}") from error
    except DAMAGE as error:
        raise DataError(_reason(error)) from error
    return image


def _reason(error: BaseException) -> str:
    text = _first_line(error)
    cut_short = isinstance(error, EOFError) or any(word in text.lower() for word in _CUT_SHORT)
    return f"the file is truncated: {text}" if cut_short else f"the file is damaged: {text}"


def _first_line(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.splitlines()[0] if text else type(error).__name__
