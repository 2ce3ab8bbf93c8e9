"""Pictures, texts or translations: the one place that decides, and says what each kind needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.bank.bucketed import AnyFeed
from graft.bank.inputs import Opened
from graft.bank.way import Wish
from graft.data import Examples
from graft.data.examples import IMAGE, TEXT, TRANSLATION, Input
from graft.network import Network
from graft.progress import Progress
from graft.recipe import Recipe
from graft.runs import image_parts, labelled, text_parts, translation_parts
from graft.types import FloatArray, IntArray, Json, Targets

# Row numbers with their prepared inputs; what cannot be read gets a reason instead.
Batched = Iterator[tuple[IntArray, Tensor]]


class OpenFeed(Protocol):
    """Opened rows, their digests and a network to readers at every depth."""

    def __call__(
        self,
        opened: Opened,
        digests: Sequence[bytes],
        network: Network,
        device: torch.device,
        root: Path,
        progress: Progress,
        storage: str = "float32",
        wish: Wish = Wish(),  # noqa: B008 - a value
    ) -> AnyFeed:
        """The feed; `storage` is the type of its outputs, `wish` how they are computed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a kind of input brings along.

    Attributes:
        plural: What messages call the rows.
        backbone: The one that needs no download.
        open_inputs: Decodes or tokenises every row once, through the bank.
        open_feed: Readers of the rows at every depth.
        open_now: Inputs of a few rows without the bank, in batches; reasons go into the dict.
        yardstick: The name of the baseline without a pretrained model, and the baseline:
            examples, feed, training rows and asked rows to probabilities (N, C).
        show: Puts into the result what the report shows of errors and samples.
        load: The backbone that a recipe names.
        targets: Of all rows, as training takes them: from examples, opened rows and digests.
        strategy: The strategy where the user names none: from network, recipe, examples, training
            rows and mean length.
    """

    plural: str
    backbone: str
    open_inputs: Callable[[Examples, Backbone, Path, Progress], Opened]
    open_feed: OpenFeed
    open_now: Callable[[Sequence[Input], Backbone, dict[int, str]], Batched]
    yardstick: tuple[str, Callable[[Examples, AnyFeed, IntArray, IntArray], FloatArray]]
    show: Callable[[Path, Examples, IntArray, list[Json]], Json]
    load: Callable[[Recipe], Backbone] = labelled.load
    targets: Callable[[Examples, Opened, tuple[bytes, ...]], Targets] = labelled.targets
    strategy: Callable[[Network, Recipe, Examples, IntArray, int | None], str] = labelled.strategy


PARTS: Mapping[str, Parts] = MappingProxyType(
    {
        IMAGE: Parts(
            plural="pictures",
            backbone="bundled",
            open_inputs=image_parts.open_inputs,
            open_feed=image_parts.open_feed,
            open_now=image_parts.open_now,
            yardstick=("raw_pixels", image_parts.yardstick),
            show=image_parts.show,
        ),
        TEXT: Parts(
            plural="texts",
            backbone="minilm",
            open_inputs=text_parts.open_inputs,
            open_feed=text_parts.open_feed,
            open_now=text_parts.open_now,
            yardstick=("tf_idf", text_parts.yardstick),
            show=text_parts.show,
        ),
        TRANSLATION: Parts(
            plural="texts with equal translations",
            backbone="",
            open_inputs=translation_parts.open_inputs,
            open_feed=text_parts.open_feed,
            open_now=translation_parts.open_now,
            yardstick=("", translation_parts.yardstick),
            show=translation_parts.show,
            load=translation_parts.load,
            targets=translation_parts.targets,
            strategy=translation_parts.strategy,
        ),
    }
)


def parts_of(modality: str) -> Parts:
    """The parts of `image`, `text` or `translation`."""
    return PARTS[modality]
