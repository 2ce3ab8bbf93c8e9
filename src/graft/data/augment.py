"""Random changes to pixels that leave the class as it is, a whole batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from graft.errors import unknown_name

Augmentation = Callable[[Tensor, Generator], Tensor]
# (B, n) independent numbers in [0, 1), for a batch of B and a number n asked for.
Draw = Callable[[int], Tensor]

# Raised whenever the same seed gives other pictures: part of the key of stored views.
VERSION = 1

_DEGREES = 10.0
_SHIFT = 0.1  # of the side
_SCALE = (0.85, 1.15)
_JITTER = 0.2
# ITU-R BT.601 luma, as Pillow's grey conversion has it.
_LUMA = (0.299, 0.587, 0.114)


def augmentation(name: str) -> Augmentation | None:
    """The augmentation of this name: `none`, `light`, `standard` or `randaugment`.

    `light` shifts, turns and scales a little, and is safe for writing and other pictures whose
    mirror image means something else. `standard` adds mirroring and changes of brightness,
    contrast and saturation. `randaugment` is Cubuk et al.'s (2020, section 3.2), with torchvision's
    defaults: two random operations of strength 9 on every picture, which may also shear, solarise
    or invert the order of tones.

    Returns:
        A function from (B, C, H, W) uint8 and a CPU generator to the same shape and type, or
        None for `none`.

    Raises:
        UnknownNameError: No such name.
    """
    return _AUGMENTATIONS[_known(name)]


def augmented_views(name: str, pixels: Tensor, seeds: Sequence[int]) -> Tensor:
    """Each picture changed by a seed of its own, whatever company it is in.

    Args:
        name: The augmentation's; `none` gives the pixels back.
        pixels: (B, C, H, W) uint8.
        seeds: B numbers below 2**63.

    Raises:
        UnknownNameError: No such augmentation.
    """
    augment = _AUGMENTATIONS[_known(name)]
    if augment is None:
        return pixels
    generators = [Generator().manual_seed(seed) for seed in seeds]
    change = _CHANGES.get(name)
    if change is None:
        pairs = zip(pixels.split(1), generators, strict=True)
        return torch.cat([augment(picture, generator) for picture, generator in pairs])
    return change(pixels, lambda n: torch.stack([torch.rand(n, generator=g) for g in generators]))


def _known(name: str) -> str:
    if name not in _AUGMENTATIONS:
        raise unknown_name("augmentation", name, _AUGMENTATIONS)
    return name


def _from_one(pixels: Tensor, generator: Generator) -> Draw:
    return lambda n: torch.rand(len(pixels), n, generator=generator)


def light(pixels: Tensor, generator: Generator) -> Tensor:
    """Turns by up to 10 degrees, shifts by up to 10 % of the side, scales by 0.85 to 1.15.

    Pixels from beyond the edge repeat the edge.

    Args:
        pixels: (B, C, H, W) uint8.
        generator: On the CPU, whatever the device, so that all devices draw alike.
    """
    return _light(pixels, _from_one(pixels, generator))


def _light(pixels: Tensor, draw: Draw) -> Tensor:
    theta = _affine(pixels, draw)
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(
        pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return _bytes(moved)


def standard(pixels: Tensor, generator: Generator) -> Tensor:
    """`light`, then mirrors every second picture and jitters its colours by up to 20 %.

    Args:
        pixels: (B, C, H, W) uint8, red first.
        generator: On the CPU.
    """
    return _standard(pixels, _from_one(pixels, generator))


def _standard(pixels: Tensor, draw: Draw) -> Tensor:
    moved = _light(pixels, draw)
    mirrored = _per_picture(pixels, draw, 0.0, 1.0) < 0.5
    return _jittered(torch.where(mirrored, moved.flip(-1), moved), draw)


def _affine(pixels: Tensor, draw: Draw) -> Tensor:
    """(B, 2, 3) maps from output to input places, in affine_grid's coordinates (-1 to 1)."""
    batch, _, height, width = pixels.shape
    low, high = torch.tensor(
        [
            [-_DEGREES, -2 * _SHIFT, -2 * _SHIFT, _SCALE[0]],
            [_DEGREES, 2 * _SHIFT, 2 * _SHIFT, _SCALE[1]],
        ]
    )
    drawn = low + (high - low) * draw(4)
    angle, right, down, scale = drawn.unbind(1)
    cosine, sine = (f(angle * math.pi / 180) / scale for f in (torch.cos, torch.sin))
    aspect = height / width
    rows = [cosine, -sine * aspect, -right, sine / aspect, cosine, -down]
    return torch.stack(rows, dim=1).view(batch, 2, 3).to(pixels.device)


def _jittered(pixels: Tensor, draw: Draw) -> Tensor:
    """Brightness, contrast and saturation, each blended with black, mean grey or grey."""
    colours = pixels.float()
    brightness, contrast, saturation = (
        _per_picture(pixels, draw, 1 - _JITTER, 1 + _JITTER) for _ in range(3)
    )
    colours = (colours * brightness).clamp(0, 255)
    mean = _grey(colours).mean(dim=(1, 2, 3), keepdim=True)
    colours = torch.lerp(mean, colours, contrast).clamp(0, 255)
    return _bytes(torch.lerp(_grey(colours), colours, saturation))


def _grey(colours: Tensor) -> Tensor:
    if colours.shape[1] != len(_LUMA):
        return colours
    return (colours * colours.new_tensor(_LUMA).view(1, -1, 1, 1)).sum(dim=1, keepdim=True)


def _per_picture(pixels: Tensor, draw: Draw, low: float, high: float) -> Tensor:
    """(B, 1, 1, 1) numbers, one per picture."""
    drawn = low + (high - low) * draw(1).view(-1, 1, 1, 1)
    return drawn.to(pixels.device)


def _bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def randaugment(pixels: Tensor, generator: Generator) -> Tensor:
    """Two operations per picture, drawn from fourteen, as torchvision's RandAugment does them.

    Args:
        pixels: (B, C, H, W) uint8, red first.
        generator: On the CPU.
    """
    from torchvision.transforms import v2

    change = v2.RandAugment(interpolation=v2.InterpolationMode.BILINEAR)
    seed = int(torch.randint(2**62, (), generator=generator))
    # torchvision draws from the global state; it is put back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.stack([change(picture) for picture in pixels])


_AUGMENTATIONS: dict[str, Augmentation | None] = {
    "none": None,
    "light": light,
    "standard": standard,
    "randaugment": randaugment,
}
# Those that can draw for every picture of a batch by itself; the others see one picture at a time.
_CHANGES: dict[str, Callable[[Tensor, Draw], Tensor]] = {
    "light": _light,
    "standard": _standard,
}
