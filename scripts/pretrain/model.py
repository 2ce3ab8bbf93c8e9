"""The network, its heads for pretraining, and the folder in which the network is published."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

ARCHITECTURE = "resnet18"
MODEL_ARGS: dict[str, Any] = {
    "layers": [1, 1, 2, 1],
    "channels": [32, 64, 128, 320],
    "avg_down": True,  # the shortcuts carry means of earlier stages to the pooled features
    "stem_type": "deep",
    "stem_width": 16,
}
TAG = "graft_glyphs_v1"
MEAN, STD = 0.5, 0.5
INPUT_SIZE = 48
LAYOUT = 8
SMALLEST_INPUT = 16


def create_network() -> nn.Module:
    """The network without a classifier and with random weights."""
    network: nn.Module = timm.create_model(ARCHITECTURE, num_classes=0, **MODEL_ARGS)
    return network.to(memory_format=torch.channels_last)


class Heads(nn.Module):
    """On standardised features: a cosine classifier per source of pictures, and a thumbnail.

    The thumbnail, a linear map to LAYOUT x LAYOUT colours, makes the features keep what stands
    where in which colour, which no classifier of shapes needs.
    """

    def __init__(self, features: int, classes: Mapping[str, int], scale: float = 16.0) -> None:
        super().__init__()
        self.scale = scale
        self.neck = nn.BatchNorm1d(features, affine=False)
        self.weights = nn.ParameterDict(
            {
                # Small, so that the first steps of Adam turn the directions quickly.
                name: nn.Parameter(0.1 * torch.randn(count, features))
                for name, count in classes.items()
            }
        )

        self.thumbnail = nn.Linear(features, 3 * LAYOUT**2)

    def forward(
        self, features: Tensor, counts: Mapping[str, int]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Logits of each source, whose `counts` pictures stand in that order, and thumbnails."""
        standard = self.neck(features)
        parts = functional.normalize(standard).split(list(counts.values()))
        logits = {
            name: self.scale * part @ functional.normalize(self.weights[name]).T
            for name, part in zip(counts, parts, strict=True)
        }
        return logits, self.thumbnail(standard)


def save_network(network: nn.Module, folder: Path) -> None:
    """Write `config.json` and float16 `model.safetensors` so that timm opens the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.detach().half().contiguous() if tensor.is_floating_point() else tensor.clone()
        for name, tensor in network.state_dict().items()
    }
    temporary = folder / "model.safetensors.part"
    save_file(weights, temporary, metadata={"format": "pt"})
    temporary.chmod(0o644)
    temporary.replace(folder / "model.safetensors")
    text = json.dumps(_config(int(network.num_features)), indent=2) + "\n"  # type: ignore[arg-type]
    temporary = folder / "config.json.part"
    temporary.write_text(text)
    temporary.replace(folder / "config.json")


def load_network(folder: Path) -> nn.Module:
    """Open a published folder by timm alone."""
    network: nn.Module = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0)
    return network.eval()


def _config(features: int) -> dict[str, Any]:
    return {
        "architecture": ARCHITECTURE,
        "num_classes": 0,
        "num_features": features,
        "global_pool": "avg",
        "model_args": MODEL_ARGS,
        "pretrained_cfg": {
            "tag": TAG,
            "custom_load": False,
            "input_size": [3, INPUT_SIZE, INPUT_SIZE],
            "min_input_size": [3, SMALLEST_INPUT, SMALLEST_INPUT],
            "fixed_input_size": False,
            "interpolation": "lanczos",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "num_classes": 0,
            "pool_size": [2, 2],
            "first_conv": "conv1.0",
            "classifier": "fc",
            "license": "apache-2.0",
            "description": "pretrained by scripts/pretrain on drawn characters, icons and textures",
        },
    }
