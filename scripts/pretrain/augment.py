"""Distortions of batches of pictures: geometry, ink, resolution, colour, noise."""

import math

import torch
from torch import Tensor
from torch.nn import functional

SCAN_SIDES = (8, 8, 8, 10, 12, 16)
SCAN_MODES = ("bilinear", "bilinear", "bicubic", "nearest")
GREY_LEVELS = 16


def warp(tiles: Tensor, size: int, rng: torch.Generator, *, angle: float, mirror: bool) -> Tensor:
    """Resample tiles through random affine, perspective and elastic maps.

    Args:
        tiles: N x C x H x W in [0, 1], zero outside.
        size: Side of the result.
        rng: Source of randomness.
        angle: Standard deviation of the rotation in radians.
        mirror: Whether half of the pictures are mirrored.

    Returns:
        N x C x size x size.
    """
    count = len(tiles)

    def normal(scale: float, *shape: int) -> Tensor:
        return scale * torch.randn(count, *shape, generator=rng)

    turn = normal(angle)
    zoom = (0.13 * normal(1.0) - 0.04).exp()  # at times up to the edge and beyond
    aspect = normal(0.11).exp()
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    theta = torch.stack([cos * aspect, -sin + normal(0.11), sin, cos / aspect], 1).reshape(-1, 2, 2)
    if mirror:
        flip = torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0)
        theta[:, :, 0] *= flip[:, None]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.einsum("nij,hwj->nhwi", theta, torch.stack([x, y], -1))
    depth = 1 + torch.einsum("ni,hwi->nhw", normal(0.05, 2), torch.stack([x, y], -1))
    bend = functional.interpolate(normal(0.05, 2, 4, 4), size=(size, size), mode="bicubic")
    grid = grid / depth[..., None] + bend.permute(0, 2, 3, 1) + normal(0.05, 1, 1, 2)
    if tiles.shape[-1] > 1.5 * size:
        tiles = functional.interpolate(tiles, size=size, mode="area")
    return functional.grid_sample(tiles, grid, align_corners=False)


def vary_ink(ink: Tensor, rng: torch.Generator) -> Tensor:
    """Makes strokes thicker or thinner: a blur, then a threshold anywhere on the flank."""
    blurred = _smooth(_smooth(ink))
    level = 0.22 + 0.43 * torch.rand(len(ink), 1, 1, 1, generator=rng)
    changed = ((blurred - level) * 5 + 0.5).clamp(0, 1)
    keep = torch.rand(len(ink), 1, 1, 1, generator=rng) < 0.4
    return torch.where(keep, ink, changed)


def scan(ink: Tensor, rng: torch.Generator) -> Tensor:
    """Reads the pictures at a low resolution with few grey levels, and enlarges them again."""
    size = ink.shape[-1]
    side = SCAN_SIDES[int(torch.randint(len(SCAN_SIDES), (1,), generator=rng))]
    coarse = functional.interpolate(ink, size=(side, side), mode="area")
    coarse = coarse * (0.8 + 0.4 * torch.rand(len(ink), 1, 1, 1, generator=rng))
    coarse = (coarse * GREY_LEVELS).round().clamp(0, GREY_LEVELS) / GREY_LEVELS
    mode = SCAN_MODES[int(torch.randint(len(SCAN_MODES), (1,), generator=rng))]
    align = None if mode == "nearest" else False
    return functional.interpolate(coarse, size=(size, size), mode=mode, align_corners=align).clamp(
        0, 1
    )


def paint(ink: Tensor, rng: torch.Generator) -> Tensor:
    """Gives ink and paper a colour each; half of the pictures stay black and white.

    Returns:
        N x 3 x H x W in [0, 1].
    """
    count = len(ink)
    colours = torch.rand(2, count, 3, 1, 1, generator=rng)
    grey = torch.rand(count, 1, 1, 1, generator=rng) < 0.35
    front = torch.where(grey, colours[0, :, :1], colours[0])
    back = torch.where(grey, colours[1, :, :1], colours[1])
    contrast = (front.mean(1, keepdim=True) - back.mean(1, keepdim=True)).abs()
    dark = (front.mean(1, keepdim=True) < back.mean(1, keepdim=True)).float()
    plain = (torch.rand(count, 1, 1, 1, generator=rng) < 0.5) | (contrast < 0.35)
    front, back = torch.where(plain, 1 - dark, front), torch.where(plain, dark, back)
    return back + (front - back) * ink


def invert_some(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Exchanges black and white in half of the pictures."""
    chosen = torch.rand(len(pictures), 1, 1, 1, generator=rng) < 0.5
    return torch.where(chosen, 1 - pictures, pictures)


def place(pictures: Tensor, backgrounds: Tensor) -> Tensor:
    """Puts RGBA pictures on RGB backgrounds."""
    alpha = pictures[:, 3:]
    return backgrounds * (1 - alpha) + pictures[:, :3] * alpha


def crop(tiles: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Random turned and mirrored windows of textures, about half a tile wide."""
    count = len(tiles)
    turn = 6.2832 * torch.rand(count, generator=rng)
    width = 0.35 + 0.3 * torch.rand(count, generator=rng)
    cos, sin = turn.cos() * width, turn.sin() * width
    corner = 0.3 * (2 * torch.rand(count, 2, generator=rng) - 1)
    theta = torch.stack([cos, -sin, corner[:, 0], sin, cos, corner[:, 1]], 1).reshape(-1, 2, 3)
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    return functional.grid_sample(tiles, grid, padding_mode="reflection", align_corners=False)


def scatter(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Shrinks each picture and moves it somewhere, even partly out of sight."""
    count = len(pictures)
    zoom = 1.6 + 1.2 * torch.rand(count, 1, 1, generator=rng)
    shift = zoom * (2 * torch.rand(count, 2, 1, generator=rng) - 1)
    theta = torch.cat([zoom * torch.eye(2), shift], 2)
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False)


def light(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Lights pictures from one side or corner."""
    slope = 0.35 * torch.randn(len(pictures), 1, 2, 2, generator=rng)
    field = functional.interpolate(
        slope, size=pictures.shape[-2:], mode="bilinear", align_corners=True
    )
    return (pictures * (1 + field)).clamp(0, 1)


def soft_backgrounds(count: int, size: int, rng: torch.Generator) -> Tensor:
    """White, plain, shaded and blotchy backgrounds: N x 3 x size x size."""
    plain = torch.rand(count, 3, 1, 1, generator=rng)
    plain = torch.where(torch.rand(count, 1, 1, 1, generator=rng) < 0.5, plain.round(), plain)
    white = torch.rand(count, 1, 1, 1, generator=rng) < 0.4
    plain = torch.where(white, torch.ones(()), plain)
    cells = torch.rand(count, 3, 3, 3, generator=rng) - 0.5
    blotches = functional.interpolate(cells, size=(size, size), mode="bilinear")
    amount = torch.rand(count, 1, 1, 1, generator=rng)
    amount = torch.where(torch.rand(count, 1, 1, 1, generator=rng) < 0.6, 0 * amount, amount)
    return (plain + amount * blotches).clamp(0, 1)


def shift_colours(pictures: Tensor, rng: torch.Generator, amount: float = 1.0) -> Tensor:
    """Random hue rotation, saturation, brightness and contrast of N x 3 x H x W pictures."""
    count = len(pictures)

    def normal(scale: float) -> Tensor:
        return amount * scale * torch.randn(count, 1, 1, generator=rng)

    hue, saturation = normal(0.35), (normal(0.4) - 0.1 * amount).exp()
    third = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    rotation = third + saturation * (hue.cos() * (torch.eye(3) - third) + hue.sin() * cross)
    turned = torch.einsum("nij,njhw->nihw", rotation, pictures)
    contrast, light = normal(0.25).exp()[..., None], normal(0.1)[..., None]
    return ((turned - 0.5) * contrast + 0.5 + light).clamp(0, 1)


def degrade(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Blur and noise."""
    count = len(pictures)

    def chosen(share: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=rng) < share

    blurred = torch.where(chosen(0.3), _smooth(pictures), pictures)
    amount = 0.12 * torch.rand(count, 1, 1, 1, generator=rng) * chosen(0.4)
    noise = amount * torch.randn(pictures.shape, generator=rng)
    return (blurred + noise).clamp(0, 1)


def low_resolution(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Shrinks the whole batch to a random small side and enlarges it again."""
    size = pictures.shape[-1]
    side = int(torch.randint(12, size + 1, (1,), generator=rng))
    small = functional.interpolate(pictures, size=(side, side), mode="area")
    return functional.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)


def _smooth(pictures: Tensor) -> Tensor:
    return functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
