"""Sources of labelled training pictures: each yields a batch of any side, drawn as it is asked."""

from typing import Protocol

import torch
from torch import Tensor

from scripts.pretrain import augment
from scripts.pretrain.emoji import DrawingBank
from scripts.pretrain.glyphs import GlyphBank
from scripts.pretrain.strokes import invent_classes, write_strokes
from scripts.pretrain.textures import TextureBank

SCANNED = 0.6  # share of batches of characters that pass through a low resolution
BORN_SMALL = 0.3  # the same for coloured pictures
BUSY = 0.4  # share of drawings that stand in a scene
EMBLEM = 0.7  # share of family members that bear an emblem
FAMILY_COLOURS = 0.3  # how far colours shift, beside those of other drawings


Batch = tuple[Tensor, Tensor]


class Source(Protocol):
    """Labelled pictures of one kind."""

    classes: int

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Pictures (count x 3 x size x size in [0, 1]) and their labels.

        Pictures that are not `hard` are bent, but neither degraded nor of a low resolution.
        """
        ...


def sample_evenly(labels: Tensor, classes: int) -> Tensor:
    """Weights that sample rare classes more often than their share, common ones less."""
    sizes = torch.bincount(labels, minlength=classes).float()
    return sizes[labels].pow(-0.6)


class Glyphs:
    """Characters of fonts."""

    def __init__(self, bank: GlyphBank) -> None:
        self.classes = len(bank.classes)
        self._tiles = torch.from_numpy(bank.tiles)
        self._labels = torch.from_numpy(bank.labels)
        self._weights = sample_evenly(self._labels, self.classes)

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Bent, thickened, scanned and painted characters."""
        chosen = torch.multinomial(self._weights, count, replacement=True, generator=rng)
        tiles = self._tiles[chosen].unsqueeze(1).float() / 255
        ink = augment.vary_ink(augment.warp(tiles, size, rng, angle=0.15, mirror=False), rng)
        return _finish_ink(ink, rng, hard), self._labels[chosen]


class Strokes:
    """Invented handwritten characters."""

    def __init__(self, classes: int, seed: int) -> None:
        self.classes = classes
        self._alphabet = invent_classes(classes, torch.Generator().manual_seed(seed))

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Newly written, scanned and painted characters."""
        labels = torch.randint(self.classes, (count,), generator=rng)
        ink = write_strokes(self._alphabet, labels, size, rng)
        return _finish_ink(ink, rng, hard), labels


class Drawings:
    """Coloured drawings: alone, or in scenes of textures with other drawings around them."""

    def __init__(self, bank: DrawingBank, textures: TextureBank) -> None:
        self.classes = len(bank.classes)
        self._tiles = torch.from_numpy(bank.tiles)
        self._labels = torch.from_numpy(bank.labels)
        self._weights = sample_evenly(self._labels, self.classes)
        self._textures = torch.from_numpy(textures.tiles)

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Bent, recoloured drawings before backgrounds."""
        chosen = torch.multinomial(self._weights, count, replacement=True, generator=rng)
        warped = self._warp(chosen, size, rng)
        busy = max(1, round(BUSY * count))
        plain = augment.soft_backgrounds(count - busy, size, rng)
        behind = torch.cat([self._scene(busy, size, rng), plain])
        pictures = augment.shift_colours(augment.place(warped, behind), rng)
        return _finish_colour(pictures, rng, hard), self._labels[chosen]

    def _scene(self, count: int, size: int, rng: torch.Generator) -> Tensor:
        """Textures with one smaller drawing somewhere, unevenly lit."""
        tile = torch.randint(len(self._textures), (count,), generator=rng)
        behind = augment.crop(self._textures[tile].float() / 255, size, rng)
        other = torch.randint(len(self._tiles), (count,), generator=rng)
        small = augment.scatter(self._warp(other, size, rng), rng)
        return augment.light(augment.place(small, behind), rng)

    def _warp(self, chosen: Tensor, size: int, rng: torch.Generator) -> Tensor:
        tiles = self._tiles[chosen].float() / 255
        return augment.warp(tiles, size, rng, angle=0.2, mirror=True)


class Families:
    """Members of families: a body in the family's own style and colours, with any emblem on it.

    Here layout, colours and outline tell the class and the details do not, the other way round
    than for `Drawings`: the features have to keep both.
    """

    def __init__(self, bank: DrawingBank, emblems: DrawingBank) -> None:
        self.classes = len(bank.classes)
        self._tiles = torch.from_numpy(bank.tiles)
        self._labels = torch.from_numpy(bank.labels)
        self._emblems = torch.from_numpy(emblems.tiles)

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Slightly bent bodies, most with a small drawing somewhere on them."""
        chosen = torch.randint(len(self._tiles), (count,), generator=rng)
        body = self._tiles[chosen].float() / 255
        body = augment.warp(body, size, rng, angle=0.08, mirror=False)
        pictures = augment.place(body, augment.soft_backgrounds(count, size, rng))
        emblem = self._emblems[torch.randint(len(self._emblems), (count,), generator=rng)]
        emblem = augment.warp(emblem.float() / 255, size, rng, angle=0.2, mirror=True)
        emblem = augment.scatter(emblem, rng)
        emblem[:, 3:] *= torch.rand(count, 1, 1, 1, generator=rng) < EMBLEM
        pictures = augment.shift_colours(augment.place(emblem, pictures), rng, FAMILY_COLOURS)
        return _finish_colour(pictures, rng, hard), self._labels[chosen]


class Textures:
    """Procedural textures."""

    def __init__(self, bank: TextureBank) -> None:
        self.classes = len(bank.classes)
        self._tiles = torch.from_numpy(bank.tiles)
        self._labels = torch.from_numpy(bank.labels)

    def draw(self, count: int, size: int, rng: torch.Generator, hard: bool) -> Batch:
        """Turned and recoloured crops."""
        chosen = torch.randint(len(self._tiles), (count,), generator=rng)
        crops = augment.crop(self._tiles[chosen].float() / 255, size, rng)
        return _finish_colour(augment.light(crops, rng), rng, hard), self._labels[chosen]


def _finish_ink(ink: Tensor, rng: torch.Generator, hard: bool) -> Tensor:
    if not hard:
        return augment.invert_some(ink.expand(-1, 3, -1, -1), rng)
    if torch.rand((), generator=rng) < SCANNED:
        ink = augment.scan(ink, rng)
    return augment.degrade(augment.paint(ink, rng), rng)


def _finish_colour(pictures: Tensor, rng: torch.Generator, hard: bool) -> Tensor:
    if not hard:
        return pictures
    if torch.rand((), generator=rng) < BORN_SMALL:
        pictures = augment.low_resolution(pictures, rng)
    return augment.degrade(pictures, rng)
