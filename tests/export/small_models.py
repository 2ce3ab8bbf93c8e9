"""Networks of several families with few channels, and saved models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timm
import torch

from graft.backbones.load import load_backbone
from graft.export.native import save_model
from graft.heads.build import build_head
from graft.heads.linear import LinearHead
from graft.network import Network

LABELS = ["ant", "bee", "côté"]


def small_network(
    folder: Path,
    architecture: str = "test_resnet",
    args: dict[str, Any] | None = None,
    cfg: dict[str, Any] | None = None,
    head: str = "linear",
) -> Network:
    """A network with random weights, for three labels; `folder` takes its config.json."""
    pretrained = {**timm.get_pretrained_cfg(architecture).to_dict(remove_source=True)}
    pretrained |= {"input_size": [3, 32, 32], **(cfg or {})}
    config = {"architecture": architecture, "model_args": args or {}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**config, "pretrained_cfg": pretrained}))
    backbone = load_backbone(str(folder), weights="random", seed=1)
    built = build_head(head, backbone.num_features, len(LABELS), seed=2)
    if isinstance(built, LinearHead):
        generator = torch.Generator().manual_seed(3)
        mean, scale = torch.rand(2, backbone.num_features, generator=generator)
        built.standardise(mean, scale + 0.5)
    return Network(backbone, built).eval()


def save_both(root: Path) -> Path:
    """One saved model of either format, in the folders `timm` and `separate`."""
    for name, head in (("timm", "linear"), ("separate", "mlp:8")):
        network = small_network(root / "source", "test_resnet", head=head)
        save_model(root / name, network, LABELS, "classification", {"strategy": "head"})
    return root
