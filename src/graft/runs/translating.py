"""Translations of rows: looked for in batches of about one length, and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graft.backbones.seq2seq import Decoding, Seq2SeqBackbone
from graft.backbones.seq2seq_models import translate
from graft.data import Examples
from graft.data.examples import Input
from graft.data.texts import Text
from graft.data.unreadable import Unreadable
from graft.errors import DataError
from graft.evaluation.translation import (
    Statistics,
    bootstrap_translations,
    signatures,
    statistics,
)
from graft.network import Network
from graft.progress import Progress, Silent
from graft.types import IntArray, Json

MOST_ROWS = 64
TOKENS = 4096
"""Of all beams of a batch, about."""


def backbone_of(network: Network) -> Seq2SeqBackbone:
    """The network's encoder-decoder."""
    assert isinstance(network.backbone, Seq2SeqBackbone)
    return network.backbone


def translations(
    network: Network,
    texts: Sequence[str],
    decoding: Decoding | None = None,
    progress: Progress | None = None,
    title: str = "translate",
) -> tuple[list[str], list[bool]]:
    """The translation of each text, and whether it was cut because it is too long.

    Args:
        network: The network.
        texts: The sources.
        decoding: How translations are looked for; None takes the model's own.
        progress: Told how far the work is.
        title: What the progress is called.
    """
    backbone, listener = backbone_of(network), progress or Silent()
    network.eval()
    tokens, lengths = backbone.tokenizer.sources(texts, backbone.spec)
    chosen = decoding or backbone.decoding
    found = [""] * len(texts)
    listener.start(title, len(texts))
    for rows in _batches([len(row) for row in tokens], chosen.beams):
        for row, text in zip(
            rows, translate(backbone, [tokens[r] for r in rows], chosen), strict=True
        ):
            found[row] = text
        listener.advance(title, len(rows))
    listener.finish(title)
    return found, [length > backbone.spec.max_source for length in lengths]


def _batches(lengths: Sequence[int], beams: int) -> list[list[int]]:
    """Row numbers, the longest first, as many at a time as the beams leave room for."""
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    batches, at = [], 0
    while at < len(order):
        size = min(MOST_ROWS, max(1, TOKENS // (beams * max(1, lengths[order[at]]))))
        batches.append(order[at : at + size])
        at += size
    return batches


def tell(network: Network, items: Sequence[Input]) -> list[tuple[Json, str | None]]:
    """What is told of each input, and the reason where it cannot be read.

    That is `translation`, and `cut` where the text did not fit.

    Raises:
        DataError: They are pictures.
    """
    told: list[tuple[Json, str | None]] = [({"translation": None, "cut": False}, "")] * len(items)
    texts: dict[int, str] = {}
    for row, item in enumerate(items):
        if isinstance(item, Text):
            texts[row] = item.content
        elif isinstance(item, Unreadable):
            told[row] = ({"translation": None, "cut": False}, item.reason)
        else:
            raise DataError("Pictures were given to a model that translates", allowed="texts")
    found, cut = translations(network, [*texts.values()])
    for row, text, was in zip(texts, found, cut, strict=True):
        told[row] = ({"translation": text, "cut": was}, None)
    return told


def references(examples: Examples, rows: IntArray | None = None) -> list[str]:
    """The translations that the data give."""
    chosen = range(len(examples)) if rows is None else rows.tolist()
    texts = [examples.inputs[row] for row in chosen]
    return [str(text.second) for text in texts if isinstance(text, Text)]


def sources(examples: Examples, rows: IntArray | None = None) -> list[str]:
    """The texts that are to be translated."""
    chosen = range(len(examples)) if rows is None else rows.tolist()
    texts = [examples.inputs[row] for row in chosen]
    return [text.content for text in texts if isinstance(text, Text)]


def evaluate(network: Network, examples: Examples) -> Json:
    """Figures with intervals of the network's translations of all rows."""
    found, cut = translations(network, sources(examples))
    return {
        **measured(statistics(found, references(examples)), examples.groups, 0),
        "signatures": signatures(),
        "decoding": told(backbone_of(network).decoding),
        "cut": sum(cut),
    }


def measured(found: Statistics, groups: IntArray | None, seed: int) -> Json:
    """`count` and `metrics`."""
    figures = bootstrap_translations(found, groups, seed)
    return {
        "count": len(found),
        "metrics": {name: figure.to_dict() for name, figure in figures.items()},
    }


def told(decoding: Decoding) -> Json:
    """How translations were looked for."""
    return {
        "beams": decoding.beams,
        "length_penalty": decoding.length_penalty,
        "longest": decoding.longest,
    }
