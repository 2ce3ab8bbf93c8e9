"""What pictures bring along; see `graft.runs.modality.Parts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.bank.bucketed import AnyFeed
from graft.bank.feed import Feed
from graft.bank.inputs import Opened
from graft.bank.pixels import Pixels
from graft.bank.way import Wish
from graft.data import Examples, decode_all, normalise
from graft.data.examples import Input
from graft.data.texts import Text
from graft.errors import DataError
from graft.evaluation.baselines import SIDE, area_average
from graft.network import Network
from graft.progress import Progress
from graft.runs.pictures import save_pictures
from graft.tasks.several import Reference
from graft.types import FloatArray, IntArray, Json

BATCH = 64


def open_inputs(examples: Examples, backbone: Backbone, root: Path, progress: Progress) -> Pixels:
    """Decoded pictures."""
    return Pixels(examples, backbone.spec, root, progress)


def open_feed(
    opened: Opened,
    digests: Sequence[bytes],
    network: Network,
    device: torch.device,
    root: Path,
    progress: Progress,
    storage: str = "float32",
    wish: Wish = Wish(),  # noqa: B008 - a value
) -> Feed:
    """Readers of decoded pictures."""
    assert isinstance(opened, Pixels)
    return Feed(opened, digests, network, device, root, progress, storage, wish)


def open_now(
    items: Sequence[Input], backbone: Backbone, reasons: dict[int, str]
) -> Iterator[tuple[IntArray, Tensor]]:
    """Normalised pictures in batches."""
    pictures = [item for item in items if not isinstance(item, Text)]
    if len(pictures) < len(items):
        raise DataError("Texts were given to a model of pictures", allowed="pictures")
    decoded = decode_all(pictures, backbone.spec)
    while group := list(islice(decoded, BATCH)):
        reasons |= {o.row: str(o.reason) for o in group if o.pixels is None}
        good = [(o.row, o.pixels) for o in group if o.pixels is not None]
        if good:
            rows, pixels = zip(*good, strict=True)
            yield np.array(rows), normalise(torch.from_numpy(np.stack(pixels)), backbone.spec)


def yardstick(examples: Examples, feed: AnyFeed, train: IntArray, rows: IntArray) -> FloatArray:
    """The best that pixels of small pictures give without a pretrained model."""
    small = [area_average(feed.raw(part).numpy(), SIDE) for part in (train, rows)]
    return Reference(examples.tasks, examples.targets[train]).small_pictures(*small)


def show(folder: Path, examples: Examples, train: IntArray, errors: list[Json]) -> Json:
    """Thumbnails of errors and samples."""
    return save_pictures(folder, examples, train, errors)
