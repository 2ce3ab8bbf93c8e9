"""A tiny network of every family of backbones, with random weights, and rows that it can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graft.backbones.load import load_backbone
from graft.bank import bank_folder
from graft.bank.bucketed import AnyFeed
from graft.data import Examples, read
from graft.heads.build import build_head
from graft.network import Network
from graft.progress import Silent
from graft.runs.modality import parts_of
from tests.conftest import build_network
from tests.timm_folders import make_folder

ROWS, CLASSES = 36, 3
SWIN: dict[str, Any] = {"img_size": 32, "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2)}
# Architectures whose smallest configuration of their own is too large: arguments that shrink them.
SHRUNK: dict[str, tuple[str, dict[str, Any]]] = {
    "swin": ("swin_tiny_patch4_window7_224", {**SWIN, "window_size": 4, "patch_size": 2}),
    "vgg": ("vgg11_bn", {"mlp_ratio": 0.01}),
}
LARGE = ("vgg", "mobilenetv3_small_050", "bundled")
SMALL = ("test_resnet", "test_efficientnet", "test_convnext", "test_vit", "swin", "bert")
FAMILIES = (*LARGE, *SMALL)
"""VGG with BatchNorm, MobileNetV3, our own, ResNet, EfficientNet, ConvNeXt, ViT, Swin and BERT."""


@dataclass(frozen=True)
class Nursery:
    """Makes networks and feeds.

    Attributes:
        root: Where folders of shrunk architectures are written.
        photos: Pictures, twelve of each of three classes.
        tiny_encoder: Name to the folder of a tiny text encoder.
    """

    root: Path
    photos: Path
    tiny_encoder: Callable[[str], Path]

    def network(self, family: str) -> Network:
        """The same network on every call."""
        if family not in SHRUNK and family != "bert":
            return build_network(family)
        name = str(self.tiny_encoder("bert") if family == "bert" else self._folder(family))
        backbone = load_backbone(name, size=None if family in ("bert", "swin") else 32)
        return Network(backbone, build_head("linear", backbone.num_features, CLASSES)).eval()

    def _folder(self, family: str) -> Path:
        architecture, arguments = SHRUNK[family]
        return _written(self.root, architecture, tuple(arguments.items()))

    def feed(self, network: Network) -> AnyFeed:
        """All rows, in the present bank."""
        parts = parts_of(network.backbone.modality)
        examples = self._examples(network.backbone.modality)
        opened = parts.open_inputs(examples, network.backbone, bank_folder(), Silent())
        digests = [digest for digest in opened.digests if digest]
        cpu = torch.device("cpu")
        return parts.open_feed(opened, digests, network, cpu, bank_folder(), Silent())

    def _examples(self, modality: str) -> Examples:
        if modality == "image":
            return read(self.photos)
        words = ("good", "bad", "dull")
        texts = [f"{words[row % 3]} {'the film ' * (row % 4)} {row}" for row in range(ROWS)]
        return read({"text": texts, "label": [words[row % 3] for row in range(ROWS)]})

    def inputs(self, network: Network) -> Tensor:
        """Three rows."""
        return network.backbone.dry_inputs(3)


@cache
def _written(root: Path, architecture: str, arguments: tuple[tuple[str, Any], ...]) -> Path:
    cfg = {"input_size": (3, 32, 32), "fixed_input_size": False}
    return make_folder(root, architecture, CLASSES, dict(arguments), cfg)[0]
