"""A network as a graph that other runtimes call: its inputs by name, and what may vary in size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from graft.backbones.collate import bucket
from graft.backbones.text import POOLING, TextBackbone
from graft.engines.onnx import Signature
from graft.network import Network
from graft.types import FloatArray

PIXELS, TOKENS, PIECES, LOGITS = "pixels", "input_ids", "pieces", "logits"


class Caller(Protocol):
    """How a network is called as a graph."""

    @property
    def module(self) -> nn.Module:
        """Takes the inputs in the signature's order, gives logits."""

    @property
    def signature(self) -> Signature:
        """Names and free dimensions."""

    def arguments(self, inputs: Tensor) -> list[Tensor]:
        """What the graph takes for what the network takes."""

    def random(self) -> list[Tensor]:
        """A few batches of inputs of the network that mean nothing, of several sizes."""


def caller_of(network: Network) -> Caller:
    """How this network is called: by pictures or by tokens."""
    return TextCaller(network) if network.backbone.modality == "text" else ImageCaller(network)


def feed(caller: Caller, inputs: Tensor) -> dict[str, FloatArray]:
    """The graph's inputs by name."""
    named = zip(caller.signature.inputs, caller.arguments(inputs), strict=True)
    return {name: value.contiguous().numpy() for name, value in named}


class ImageCaller:
    """Normalised pictures `pixels` (batch, channels, H, W) to `logits` (batch, C)."""

    def __init__(self, network: Network) -> None:
        self.module: nn.Module = _Pictures(network)
        self.signature = Signature((PIXELS,), ({0: "batch"},), LOGITS)
        self._spec = network.backbone.spec

    def arguments(self, inputs: Tensor) -> list[Tensor]:
        """The pictures."""
        return [inputs.float()]

    def random(self) -> list[Tensor]:
        """One picture, and five, of noise."""
        generator = torch.Generator().manual_seed(0)
        shape = (self._spec.channels, *self._spec.size)
        return [torch.randn(rows, *shape, generator=generator) for rows in (1, 5)]


class TextCaller:
    """`input_ids`, `attention_mask` and for pairs `token_type_ids` (batch, tokens) to `logits`.

    Where long texts are averaged over their pieces, a row is a piece, and `pieces` (texts, batch)
    holds the share of each piece in each text: 1 / n for the n pieces of a text, else 0.
    """

    def __init__(self, network: Network) -> None:
        backbone = network.backbone
        assert isinstance(backbone, TextBackbone)
        self._backbone = backbone
        names = tuple(backbone.arguments(backbone.dry_inputs(1)))
        self._chunks = backbone.spec.long == "chunks"
        axes = ({0: "batch", 1: "tokens"},) * len(names)
        if self._chunks:
            names, axes = (*names, PIECES), (*axes, {0: "texts", 1: "batch"})
        self.module: nn.Module = _Texts(backbone, network.head, names)
        self.signature = Signature(names, axes, LOGITS)

    def arguments(self, inputs: Tensor) -> list[Tensor]:
        """Packed tokens taken apart."""
        tokens, owners = self._backbone.pieces(inputs)
        found = [*self._backbone.arguments(tokens).values()]
        return [*found, _shares(len(inputs), len(tokens), owners)] if self._chunks else found

    def random(self) -> list[Tensor]:
        """One text, a few, and texts as long as the encoder takes."""
        longest = self._backbone.spec.max_length
        sizes = ((1, 3), (5, 11), (2, min(longest, 128)))
        return [self._dry(rows, bucket(length, longest)) for rows, length in sizes]

    def _dry(self, rows: int, length: int) -> Tensor:
        return self._backbone.dry_inputs(rows, length).cpu()


def _shares(texts: int, pieces: int, owners: Tensor | None) -> Tensor:
    """(texts, pieces) the share of each piece in each text."""
    if owners is None:
        return torch.eye(texts)
    member = torch.zeros(texts, pieces)
    member[owners, torch.arange(pieces)] = 1
    return member / member.sum(1, keepdim=True).clamp(min=1)


class _Pictures(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *values: Tensor) -> Tensor:
        logits: Tensor = self.network(values[0])
        return logits


class _Texts(nn.Module):
    def __init__(self, backbone: TextBackbone, head: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.head = backbone.model, head
        self._pool = POOLING[backbone.spec.pooling]
        self._names = tuple(names)

    def forward(self, *values: Tensor) -> Tensor:
        named = dict(zip(self._names, values, strict=True))
        shares = named.pop(PIECES, None)
        vectors: Tensor = self.encoder(**named)[0]
        features = self._pool(vectors, named["attention_mask"] > 0)
        logits: Tensor = self.head(features if shares is None else shares @ features)
        return logits
