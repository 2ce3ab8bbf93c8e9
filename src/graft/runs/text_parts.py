"""What texts bring along; see `graft.runs.modality.Parts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.backbones.collate import collated
from graft.backbones.text import TextBackbone
from graft.bank.bucketed import AnyFeed, BucketedFeed
from graft.bank.inputs import Opened
from graft.bank.pairs import Pairs
from graft.bank.tokens import Tokens
from graft.bank.way import Wish
from graft.data import Examples
from graft.data.examples import Input
from graft.data.targets import is_plain, shown_labels
from graft.data.texts import Text, abridged
from graft.data.unreadable import Unreadable
from graft.errors import DataError
from graft.evaluation.words import tf_idf, word_weights
from graft.network import Network
from graft.progress import Progress
from graft.runs.pictures import kinds_of, sample_rows
from graft.tasks.several import Reference
from graft.types import FloatArray, IntArray, Json

BATCH = 64
SHOWN_ERROR, SHOWN_SAMPLE = 600, 160


def open_inputs(examples: Examples, backbone: Backbone, root: Path, progress: Progress) -> Tokens:
    """Tokenised texts."""
    assert isinstance(backbone, TextBackbone)
    return Tokens(examples, backbone, root, progress)


def open_feed(
    opened: Opened,
    digests: Sequence[bytes],
    network: Network,
    device: torch.device,
    root: Path,
    progress: Progress,
    storage: str = "float32",
    wish: Wish = Wish(),  # noqa: B008 - a value
) -> BucketedFeed:
    """Readers of tokenised texts, or of pairs with their translations."""
    assert isinstance(opened, Tokens | Pairs)
    return BucketedFeed(opened, digests, network, device, root, progress, storage, wish)


def open_now(
    items: Sequence[Input],
    backbone: Backbone,
    reasons: dict[int, str],
) -> Iterator[tuple[IntArray, Tensor]]:
    """Packed tokens in batches of texts of about the same length."""
    assert isinstance(backbone, TextBackbone)
    reasons |= {n: item.reason for n, item in enumerate(items) if isinstance(item, Unreadable)}
    texts = {row: item for row, item in enumerate(items) if isinstance(item, Text)}
    if len(texts) + len(reasons) < len(items):
        raise DataError("Pictures were given to a model of texts", allowed="texts")
    rows = np.array([*texts], dtype=np.int64)
    rows = rows[np.argsort([len(text.content) for text in texts.values()], kind="stable")]
    for start in range(0, len(rows), BATCH):
        group = rows[start : start + BATCH]
        yield group, collated([texts[row] for row in group.tolist()], backbone)


def yardstick(
    examples: Examples,
    feed: AnyFeed,  # noqa: ARG001 - pictures need it
    train: IntArray,
    rows: IntArray,
) -> FloatArray:
    """Logistic regression on weighted word counts; of other tasks their exact linear model."""
    texts = examples.texts
    known, classes = examples.targets[train], len(examples.labels)
    shown = [[texts[row].shown() for row in part] for part in (train, rows)]
    if not is_plain(examples.tasks):
        return Reference(examples.tasks, known).linear(*word_weights(*shown))
    return tf_idf(shown[0], known, shown[1], classes)


def show(
    folder: Path,  # noqa: ARG001 - pictures need it
    examples: Examples,
    train: IntArray,
    errors: list[Json],
) -> Json:
    """The texts of errors and samples."""
    texts = examples.texts
    shown = [
        {
            **{key: value for key, value in error.items() if key != "row"},
            "text": abridged(texts[error["row"]].shown(), SHOWN_ERROR),
        }
        for error in errors
    ]
    labels = shown_labels(examples.tasks, examples.targets)
    samples = [
        {"label": labels[row], "text": abridged(texts[row].shown(), SHOWN_SAMPLE)}
        for row in sample_rows(kinds_of(examples), train)
    ]
    return {"errors": shown, "samples": samples}
