"""What translation brings along; see `graft.runs.modality.Parts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.backbones.load_seq2seq import PairSettings, load_seq2seq
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.bank.bucketed import AnyFeed
from graft.bank.inputs import Opened
from graft.bank.pairs import Pairs
from graft.data import Examples
from graft.data.examples import Input
from graft.data.texts import abridged
from graft.errors import DataError
from graft.evaluation.translation import check_installed
from graft.network import Network
from graft.progress import Progress
from graft.recipe import Recipe
from graft.types import FloatArray, IntArray, Json, Targets

SAMPLES, SHOWN = 8, 200
LARGE = 300_000_000
"""Parameters beyond which adapters train: full fine-tuning takes 16 bytes for each."""
# What a choice must be, as there is nothing else that it could apply to.
_FIXED = {
    "head": "linear",
    "long": "truncate",
    "pooling": None,
    "dropout": 0.0,
    "class_weights": "auto",
    "regression_loss": "squared",
    "loss": "cross-entropy",
    "balance": "start",
    "mix": "none",
    "sampling": "shuffled",
    "views": None,
    "order": None,
    "labels": None,
}


def check(recipe: Recipe) -> None:
    """Refuse choices that mean nothing for translation, before anything costs.

    Raises:
        DataError: There is one, or no backbone is named.
        ResourceError: sacrebleu is not installed.
    """
    if recipe.backbone is None:
        raise DataError(
            "Translation needs a pretrained encoder-decoder, and none is named",
            allowed="a folder or a hub name, such as Helsinki-NLP/opus-mt-en-de",
            next="name one with --backbone",
        )
    idle = {"views": (None, 1), "class_weights": ("auto", "none"), "scenario": (None, "standard")}
    for name, value in _FIXED.items():
        if getattr(recipe, name) not in idle.get(name, (value,)):
            raise DataError(
                f"--{name.replace('_', '-')} {getattr(recipe, name)} means nothing for translation",
                next="leave the option away",
            )
    check_installed()


def load(recipe: Recipe) -> Seq2SeqBackbone:
    """The encoder-decoder that the recipe names."""
    check(recipe)
    settings = PairSettings(
        recipe.source_language,
        recipe.target_language,
        recipe.prefix,
        recipe.beams,
        recipe.length_penalty,
    )
    return load_seq2seq(
        str(recipe.backbone),
        settings,
        weights=recipe.weights,
        size=recipe.size,
        seed=recipe.seed,
    )


def open_inputs(examples: Examples, backbone: Backbone, root: Path, progress: Progress) -> Pairs:
    """Tokenised pairs."""
    assert isinstance(backbone, Seq2SeqBackbone)
    return Pairs(examples, backbone, root, progress)


def open_now(
    items: Sequence[Input], backbone: Backbone, reasons: dict[int, str]
) -> Iterator[tuple[IntArray, Tensor]]:
    """Never: `graft.runs.translating` answers for these rows."""
    raise NotImplementedError(f"{len(items)}, {backbone.name}, {len(reasons)}")


def yardstick(examples: Examples, feed: AnyFeed, train: IntArray, rows: IntArray) -> FloatArray:
    """Never: translation has baselines of its own."""
    raise NotImplementedError(f"{len(examples)}, {len(feed)}, {len(train)}, {len(rows)}")


def show(
    folder: Path,  # noqa: ARG001 - pictures need it
    examples: Examples,
    train: IntArray,
    errors: list[Json],
) -> Json:
    """The worst translations as they are, and some training pairs."""
    chosen = train[np.linspace(0, len(train) - 1, min(SAMPLES, len(train))).astype(np.int64)]
    texts = [examples.inputs[row] for row in chosen]
    samples = [
        {
            "label": abridged(str(getattr(text, "second", "")), SHOWN),
            "text": abridged(str(getattr(text, "content", "")), SHOWN),
        }
        for text in texts
    ]
    return {"errors": errors, "samples": samples}


def targets(
    examples: Examples,  # noqa: ARG001 - labels need it
    opened: Opened,
    digests: tuple[bytes, ...],
) -> Targets:
    """(N, T) tokens of the translations, filled up with -100."""
    assert isinstance(opened, Pairs)
    return opened.labels(digests)


def strategy(
    network: Network,
    recipe: Recipe,  # noqa: ARG001 - labels need it
    examples: Examples,  # noqa: ARG001 - labels need it
    train: IntArray,  # noqa: ARG001 - labels need it
    length: int | None,  # noqa: ARG001 - labels need it
) -> str:
    """`full`, or `lora` where the model is large."""
    count = sum(parameter.numel() for parameter in network.parameters())
    return "full" if count <= LARGE else "lora"
