"""JPEG files at close to the JPEG library's own speed.

torchvision decodes a JPEG to the same pixels as Pillow (both use libjpeg-turbo) in less time, and
PyTorch resizes 8-bit pictures several times faster than Pillow; the two resizes differ by at most
one of 255 levels, in under one in fifty pixels. What this path does not do exactly so (CMYK,
padding, other interpolations, damaged files) it leaves to Pillow.

Reduced-size decoding (Pillow's `draft`) is not used: its pictures differ by several levels, and it
spares little, since most of the time goes into the entropy decoding.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from graft.data.images import PictureFacts, centre_corner, describe, resized_to
from graft.data.pictures import DAMAGE
from graft.data.quiet import quiet_pillow
from graft.types import ByteArray, PreprocessSpec

if TYPE_CHECKING:
    from torch import Tensor

_ORIENTATION = 0x0112
_MODES = {3: ("RGB", "L"), 1: ("L",)}
_INTERPOLATIONS = ("bilinear", "bicubic")
_CROPS = ("center", "squash")
# By EXIF's number: whether rows and columns change places, and which axes are then turned round.
_TURNS: dict[int, tuple[bool, tuple[int, ...]]] = {
    1: (False, ()),
    2: (False, (-1,)),
    3: (False, (-2, -1)),
    4: (False, (-2,)),
    5: (True, ()),
    6: (True, (-1,)),
    7: (True, (-2, -1)),
    8: (True, (-2,)),
}


def applies(spec: PreprocessSpec) -> bool:
    """Whether pictures for this spec can be made here, on this machine."""
    fits = spec.interpolation in _INTERPOLATIONS and spec.crop_mode in _CROPS
    return fits and spec.channels in _MODES and bool(engine())


@cache
def engine() -> str:
    """What decodes and resizes, with everything its roundings depend on; empty if it cannot."""
    import torch

    tiny = BytesIO()
    Image.new("RGB", (8, 8)).save(tiny, "JPEG")
    try:
        import torchvision

        _decoded(tiny.getvalue(), 3)
    except (ImportError, RuntimeError, AttributeError):
        return ""  # torchvision was built without its JPEG decoder
    capability = torch.backends.cpu.get_cpu_capability()
    return f"torchvision {torchvision.__version__} torch {torch.__version__} {capability}"


def prepare_jpeg(data: bytes, spec: PreprocessSpec) -> tuple[ByteArray, PictureFacts] | None:
    """What `prepare` makes of an encoded picture, or None where that is for Pillow to say.

    Args:
        data: An encoded picture of any kind.
        spec: The checkpoint's preprocessing; one that `applies`.

    Returns:
        (channels, H, W) pixels, and the stored mode and size.
    """
    if data[:3] != b"\xff\xd8\xff":
        return None
    try:
        with quiet_pillow(), Image.open(BytesIO(data)) as header:
            turn = header.getexif().get(_ORIENTATION, 1)
            if header.format != "JPEG" or header.mode not in _MODES[spec.channels]:
                return None
            pixels = _fitted(data, (header.height, header.width), turn, spec)
            return None if pixels is None else (pixels, describe(header))
    except (
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        UnidentifiedImageError,
        *DAMAGE,
    ):
        return None


def _fitted(
    data: bytes, size: tuple[int, int], turn: int, spec: PreprocessSpec
) -> ByteArray | None:
    import torch
    from torch.nn import functional

    swapped, flipped = _TURNS.get(turn, _TURNS[1])
    target = resized_to(size[::-1] if swapped else size, spec)
    if target[0] < spec.size[0] or target[1] < spec.size[1]:
        return None  # to be padded
    top, left = centre_corner(target, spec.size)
    pixels = _decoded(data, spec.channels)
    if tuple(pixels.shape[1:]) != size:
        return None
    pixels = (pixels.transpose(1, 2) if swapped else pixels).flip(flipped)
    if tuple(pixels.shape[1:]) != target:
        (pixels,) = functional.interpolate(
            pixels[None].contiguous(memory_format=torch.channels_last),
            size=target,
            mode=spec.interpolation,
            antialias=True,
        )
    height, width = spec.size
    cut: ByteArray = pixels[:, top : top + height, left : left + width].contiguous().numpy()
    return cut


def _decoded(data: bytes, channels: int) -> Tensor:
    import torch

    # The operator itself: its wrapper in torchvision warns that it will move to another package.
    # Where it is gone, `engine` finds out and Pillow does everything.
    encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    decoded: Tensor = torch.ops.image.decode_jpeg(encoded, channels, False)
    return decoded
