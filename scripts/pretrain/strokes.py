"""Invented characters: each class is a few pen strokes, each instance is written anew.

Handwriting varies where a pen varies: control points, slant, proportions, pen width. A class here
is a set of control points; an instance moves them, bends the plane, and draws the strokes again.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_STROKES = 3
CONTROLS = 6  # control points per stroke
SEGMENTS = 12  # straight pieces per drawn stroke
CHUNK = 16  # strokes drawn together: small enough for the processor's cache


@dataclass(frozen=True)
class StrokeClasses:
    """The invented alphabet.

    Attributes:
        controls: classes x MAX_STROKES x CONTROLS x 2, in [-1, 1].
        present: classes x MAX_STROKES, which strokes the class has.
    """

    controls: Tensor
    present: Tensor


def invent_classes(count: int, rng: torch.Generator) -> StrokeClasses:
    """Invent `count` characters of one to three strokes: lines, arcs, hooks, loops, free curves."""
    shape = (count, MAX_STROKES)
    controls = _random_strokes(shape, rng)
    start = controls[:, :, :1]
    # A later stroke often begins on an earlier one, as in written characters.
    for stroke in range(1, MAX_STROKES):
        joined = torch.rand(count, 1, 1, generator=rng) < 0.6
        at = torch.randint(CONTROLS, (count,), generator=rng)
        anchor = controls[torch.arange(count), stroke - 1, at].unsqueeze(1)
        moved = controls[:, stroke] - start[:, stroke] + anchor
        controls[:, stroke] = torch.where(joined, moved, controls[:, stroke])
    strokes = torch.multinomial(torch.tensor([0.5, 0.35, 0.15]), count, True, generator=rng) + 1
    return StrokeClasses(controls, torch.arange(MAX_STROKES) < strokes[:, None])


def _random_strokes(shape: tuple[int, int], rng: torch.Generator) -> Tensor:
    def uniform(low: float, high: float, *more: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, *more, generator=rng)

    steps = torch.linspace(0, 1, CONTROLS)
    # Turning strokes: the direction changes steadily (line, arc, loop, spiral) or once (hook).
    turn = uniform(-1.0, 1.0)
    turn = turn * turn.abs() * 7.5
    hook = (torch.rand(*shape, generator=rng) < 0.35) * uniform(-2.6, 2.6)
    knee = uniform(0.25, 0.8)
    angle = uniform(-3.1416, 3.1416)[..., None] + turn[..., None] * (steps[1:] - 0.1)
    angle = angle + hook[..., None] * (steps[1:] > knee[..., None])
    # S-shapes: the direction turns back half-way.
    swap = (torch.rand(*shape, generator=rng) < 0.25)[..., None] * (steps[1:] > 0.5)
    angle = torch.where(swap, angle - 2 * turn[..., None] * (steps[1:] - 0.5), angle)
    length = uniform(0.25, 0.6)[..., None] * (1 + 0.5 * uniform(-1, 1, CONTROLS - 1))
    moves = torch.stack([angle.cos(), angle.sin()], -1) * length[..., None]
    walk = torch.cat([torch.zeros(*shape, 1, 2), moves.cumsum(-2)], -2)
    walk = walk - walk.mean(-2, keepdim=True) + 0.45 * uniform(-1, 1, 1, 2)
    free = uniform(-0.9, 0.9, CONTROLS, 2)
    is_free = (torch.rand(*shape, 1, 1, generator=rng) < 0.15).expand_as(free)
    return torch.where(is_free, free, walk)


def _spline_weights() -> Tensor:
    """Catmull-Rom weights: (SEGMENTS + 1) x CONTROLS; the curve passes through every point."""
    position = torch.linspace(0, CONTROLS - 1, SEGMENTS + 1)
    left = position.floor().clamp(max=CONTROLS - 2).long()
    t = position - left
    basis = torch.stack(
        [
            -0.5 * t + t**2 - 0.5 * t**3,
            1 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        ],
        dim=1,
    )
    weights = torch.zeros(SEGMENTS + 1, CONTROLS)
    for offset in range(4):
        index = (left + offset - 1).clamp(0, CONTROLS - 1)
        weights.scatter_add_(1, index[:, None], basis[:, offset : offset + 1])
    return weights


def write_strokes(
    classes: StrokeClasses, labels: Tensor, size: int, rng: torch.Generator
) -> Tensor:
    """Write one instance of each class in `labels`.

    Returns:
        N x 1 x size x size coverage in [0, 1].
    """
    count = len(labels)
    points = _vary(classes.controls[labels], rng)
    curve = _spline_weights() @ points  # N x strokes x (SEGMENTS + 1) x 2
    present = classes.present[labels]
    curve = _fit_box(_bend(curve, rng), present, rng)
    width = 0.04 + 0.12 * torch.rand(count, 1, 1, generator=rng)
    distance = _distance_to_ink(curve, present, size)
    edge = 2.0 / size
    return ((width - distance) / edge + 0.5).clamp(0, 1).unsqueeze(1)


def _vary(points: Tensor, rng: torch.Generator) -> Tensor:
    """Moves control points, whole strokes, and the character's slant and proportions."""
    count, strokes = points.shape[:2]

    def normal(scale: float, *shape: int) -> Tensor:
        return scale * torch.randn(count, *shape, generator=rng)

    points = points + normal(0.035, strokes, CONTROLS, 2)
    points = _vary_ends(points, normal(0.25, strokes, 2, 1))
    middle = points.mean(2, keepdim=True)
    points = middle + (points - middle) * (1 + normal(0.09, strokes, 1, 2))
    points = points + normal(0.04, strokes, 1, 2)
    angle = normal(0.13)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
    slant = torch.eye(2).repeat(count, 1, 1)
    slant[:, 0, 1] = normal(0.22)
    slant[:, 0, 0] = normal(0.18).exp()
    matrix = slant @ rotation.reshape(count, 2, 2)
    return torch.einsum("nij,nskj->nski", matrix, points)


def _vary_ends(points: Tensor, amount: Tensor) -> Tensor:
    """Makes strokes longer or shorter at both ends, by shares of their outermost pieces."""
    ends, inner = points[:, :, [0, -1]], points[:, :, [1, -2]]
    moved = points.clone()
    moved[:, :, [0, -1]] = ends + amount * (ends - inner)
    return moved


def _bend(points: Tensor, rng: torch.Generator) -> Tensor:
    """A smooth random displacement of the plane."""
    count = len(points)
    waves = 2.0 * torch.randn(count, 2, 2, generator=rng)
    phase = 6.283 * torch.rand(count, 1, 1, 2, generator=rng)
    size = 0.15 * torch.rand(count, 1, 1, 1, generator=rng)
    return points + size * torch.sin(torch.einsum("nij,nskj->nski", waves, points) + phase)


def _fit_box(points: Tensor, present: Tensor, rng: torch.Generator) -> Tensor:
    """Scales each character to fill most of the picture, keeping its proportions."""
    mask = present[:, :, None, None]
    low = points.masked_fill(~mask, 9.0).amin((1, 2))
    high = points.masked_fill(~mask, -9.0).amax((1, 2))
    count = len(points)
    fill = 0.7 + 0.35 * torch.rand(count, 1, generator=rng)  # at times up to the edge and beyond
    scale = fill / ((high - low).amax(1, keepdim=True) / 2).clamp(min=0.05)
    shift = (1.0 - fill).clamp(min=0.03) * (2 * torch.rand(count, 2, generator=rng) - 1)
    centre = (low + high) / 2
    return (points - centre[:, None, None]) * scale[:, None, None] + shift[:, None, None]


def _distance_to_ink(curve: Tensor, present: Tensor, size: int) -> Tensor:
    """Distance of every pixel centre to the nearest stroke: N x size x size."""
    owner = present.nonzero()[:, 0]
    strokes = curve[present]
    chunks = [_squared_distance(part, size) for part in strokes.split(CHUNK)]
    nearest = torch.full((len(curve), size * size), 100.0)
    index = owner[:, None].expand(-1, size * size)
    nearest.scatter_reduce_(0, index, torch.cat(chunks), "amin")
    return nearest.clamp_(min=0).sqrt_().reshape(-1, size, size)


def _squared_distance(strokes: Tensor, size: int) -> Tensor:
    """Squared distance of every pixel centre to each stroke: strokes x pixels."""
    start, step = strokes[:, :-1], strokes[:, 1:] - strokes[:, :-1]
    axis = (torch.arange(size) + 0.5) * (2.0 / size) - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x), x**2 + y**2]).reshape(4, -1)
    zero = torch.zeros_like(start[..., 0])
    offset = (start * step).sum(-1)
    along = torch.stack([step[..., 0], step[..., 1], -offset, zero], -1) @ pixels
    far = (
        torch.stack(
            [-2 * start[..., 0], -2 * start[..., 1], (start**2).sum(-1), torch.ones_like(zero)], -1
        )
        @ pixels
    )
    length = (step**2).sum(-1, keepdim=True).clamp(min=1e-8)
    share = (along / length).clamp_(0, 1)
    # |p - a|^2 - 2 t (p - a).d + t^2 |d|^2 for the nearest point a + t d of the segment.
    return far.add_(share.mul(length).sub_(along, alpha=2).mul_(share)).amin(1)
