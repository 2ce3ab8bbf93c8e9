"""Keys: a digest of everything that a stored value depends on.

A shelf's key covers what is the same for all pictures (preprocessing, weights and buffers of the
prefix, engine, types, batch size, augmentation); a row's key is the digest of the picture's own
bytes and, for augmented views, of the view's number. So a changed pixel or weight never hits, and
a renamed file or another label still does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import PIL
import torch

from graft.data.augment import VERSION as AUGMENT_VERSION
from graft.data.decode import decoder
from graft.network import Network
from graft.plan import tensor_digest
from graft.types import Json, PairSpec, PreprocessSpec, TextSpec

# Raised whenever decoding, resizing, computing or the storage format changes meaning.
FORMAT = 3
Digests = Mapping[str, str]
"""Digests of a backbone's tensors by name."""


def pixels_key(spec: PreprocessSpec) -> str:
    """The key of decoded, resized and cropped pictures (uint8, before normalisation)."""
    geometry = {key: spec.to_dict()[key] for key in _PIXEL_FIELDS}
    return _digest(
        {
            "kind": "pixels",
            "pillow": PIL.__version__,
            "decoder": decoder(spec),
            **geometry,
            "channels": spec.channels,
        }
    )


_PIXEL_FIELDS = ("size", "crop_pct", "crop_mode", "interpolation")


def tokens_key(spec: TextSpec) -> str:
    """The key of tokenised texts."""
    fields = spec.to_dict()
    return _digest({"kind": "tokens", **{key: fields[key] for key in _TOKEN_FIELDS}})


def pairs_key(spec: PairSpec) -> str:
    """The key of tokenised texts with their translations."""
    return _digest({"kind": "pairs", **spec.to_dict()})


_TOKEN_FIELDS = ("max_length", "long", "tokenizer")


@dataclass(frozen=True, slots=True)
class PrefixKeys:
    """The keys of the outputs of the first blocks, whatever computes them.

    Attributes:
        fields: All that they depend on but the engine and the size of its batches.
    """

    fields: Json

    def key(self, engine: str, batch_size: int) -> str:
        """The key of what this engine computes in batches of this size."""
        return _digest({**self.fields, "engine": engine, "batch_size": batch_size})

    def name(self) -> str:
        """The same for every engine and batch size."""
        return _digest(self.fields)


def prefix_weights(network: Network, depth: int) -> Digests:
    """Digests of the tensors of the first `depth` blocks, by name."""
    backbone = network.backbone
    tensors = {**dict(backbone.model.named_parameters()), **dict(backbone.model.named_buffers())}
    return {name: tensor_digest(tensors[name]).hex() for name in _tensors(network, depth)}


def _tensors(network: Network, depth: int) -> list[str]:
    return sorted(name for block in network.backbone.blocks[:depth] for name in block.tensors)


def prefix_keys(
    network: Network,
    depth: int,
    *,
    inputs: str,
    storage: str = "float32",
    weights: Digests | None = None,
) -> PrefixKeys:
    """Keys of the outputs of the first `depth` blocks, as they are stored.

    Args:
        network: Whose blocks.
        depth: How many.
        inputs: The key of what they read.
        storage: As this type.
        weights: What `prefix_weights` gave for at least so many blocks, where it was asked already.
    """
    backbone = network.backbone
    known = prefix_weights(network, depth) if weights is None else weights
    return PrefixKeys(
        {
            "kind": "prefix",
            "pixels": inputs,
            "spec": backbone.spec.to_dict(),
            "architecture": backbone.architecture,
            "model_args": backbone.config.get("model_args", {}),
            "depth": depth,
            "weights": {name: known[name] for name in _tensors(network, depth)},
            "torch": torch.__version__,
            "storage": storage,
        }
    )


def prefix_key(
    network: Network,
    depth: int,
    *,
    inputs: str,
    engine: str,
    batch_size: int,
    storage: str = "float32",
) -> str:
    """The key for one engine and batch size; see `prefix_keys`."""
    return prefix_keys(network, depth, inputs=inputs, storage=storage).key(engine, batch_size)


@dataclass(frozen=True, slots=True)
class View:
    """One of several pictures that stand for a row.

    Attributes:
        number: 0 is the picture as it is; the others are drawn by the augmentation.
        augment: Name of the augmentation.
    """

    number: int = 0
    augment: str = "none"

    def key(self, prefix: str) -> str:
        """The key of this view's values, from that of the plain ones."""
        if self.number == 0:
            return prefix
        fields = {"kind": "view", "prefix": prefix, "augment": self.augment}
        return _digest({**fields, "version": AUGMENT_VERSION})

    def digest(self, picture: bytes) -> bytes:
        """The key of a row; it also seeds the augmentation, so that views can be drawn again.

        >>> View(0).digest(b"x"), View(1).digest(b"x") == View(2).digest(b"x")
        (b'x', False)
        """
        if self.number == 0:
            return picture
        return hashlib.sha256(picture + f" view {self.number} {self.augment}".encode()).digest()


PLAIN = View()


def _digest(fields: Json) -> str:
    text = json.dumps({"format": FORMAT, **fields}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
