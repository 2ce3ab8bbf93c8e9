"""Keys: a digest of everything that a stored value depends on.

A shelf's key covers what is the same for all pictures (preprocessing, weights and buffers of the
prefix, engine, type, batch size); a row's key is the digest of the picture's own bytes. So a
changed pixel or weight never hits, and a renamed file or another label still does.
"""

from __future__ import annotations

import hashlib
import json

import PIL
import torch

from graft.network import Network
from graft.plan import tensor_digest
from graft.types import Json, PreprocessSpec

# Raised whenever decoding, resizing or the storage format changes meaning.
FORMAT = 1


def pixels_key(spec: PreprocessSpec) -> str:
    """The key of decoded, resized and cropped pictures (uint8, before normalisation)."""
    geometry = {key: spec.to_dict()[key] for key in _PIXEL_FIELDS}
    return _digest(
        {"kind": "pixels", "pillow": PIL.__version__, **geometry, "channels": spec.channels}
    )


_PIXEL_FIELDS = ("size", "crop_pct", "crop_mode", "interpolation")


def prefix_key(network: Network, depth: int, *, engine: str, batch_size: int) -> str:
    """The key of the outputs of the first `depth` blocks."""
    backbone = network.backbone
    tensors = {**dict(backbone.model.named_parameters()), **dict(backbone.model.named_buffers())}
    names = [name for block in backbone.blocks[:depth] for name in block.tensors]
    weights = {name: tensor_digest(tensors[name]).hex() for name in sorted(names)}
    return _digest(
        {
            "kind": "prefix",
            "pixels": pixels_key(backbone.spec),
            "spec": backbone.spec.to_dict(),
            "architecture": backbone.architecture,
            "model_args": backbone.config.get("model_args", {}),
            "depth": depth,
            "weights": weights,
            "engine": engine,
            "torch": torch.__version__,
            "batch_size": batch_size,
        }
    )


def _digest(fields: Json) -> str:
    text = json.dumps({"format": FORMAT, **fields}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
