"""A pretrained network without its output layer: an ordered list of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.types import Json, PreprocessSpec


@dataclass(frozen=True, slots=True)
class Block:
    """One step of depth.

    Attributes:
        name: The module that holds it, such as `layer1.0`; block 0 is always `stem`.
        tensors: Names of its parameters and buffers within `Backbone.model`.
    """

    name: str
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a backbone comes from.

    Attributes:
        name: The name that was asked for.
        architecture: The architecture's name in timm, without a tag.
        source: Hub id, folder or file of the weights, `bundled` or `random`.
        config: What timm's `config.json` holds: `architecture`, `model_args`, `pretrained_cfg`.
    """

    name: str
    architecture: str
    source: str
    config: Json


class Backbone(nn.Module):
    """Pictures (B, channels, H, W) to pooled features (B, D).

    The features are what the native model feeds to its own classifier.

    Args:
        model: The native model, its classifier removed.
        spec: How a picture becomes the model's input.
        blocks: Every parameter and buffer of `model`, each in exactly one block, depth 0 first.
        num_features: D.
        origin: Where the weights come from.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        spec: PreprocessSpec,
        blocks: tuple[Block, ...],
        num_features: int,
        origin: Origin,
    ) -> None:
        super().__init__()
        self.model = model
        self.spec = spec
        self.blocks = blocks
        self.num_features = num_features
        self.name = origin.name
        self.architecture = origin.architecture
        self.origin = origin.source
        self.config = origin.config

    @property
    def modality(self) -> str:
        """`image` or `text`: what the backbone takes."""
        return "image"

    def dry_inputs(self, rows: int, length: int | None = None) -> Tensor:  # noqa: ARG002
        """Inputs that mean nothing, the same on every call, to try the model with.

        Args:
            rows: How many.
            length: Of each, where rows have one.
        """
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(rows, self.spec.channels, *self.spec.size, generator=generator)
        like = next(self.parameters())
        return images.to(device=like.device, dtype=like.dtype)

    def halves(self, depth: int) -> tuple[nn.Module, nn.Module] | None:  # noqa: ARG002
        """Inputs to activations after `depth` blocks, and activations to features, where the
        backbone knows by itself how to be cut; None leaves it to `Network.split`."""
        return None

    def forward(self, images: Tensor) -> Tensor:
        """Normalised pictures (B, channels, H, W) to pooled features (B, D)."""
        features: Tensor = self.model(images)
        return features

    def extra_repr(self) -> str:
        """Shown when the backbone is printed."""
        return f"{self.name}, {len(self.blocks)} blocks, {self.num_features} features"
