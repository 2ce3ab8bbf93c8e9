"""Opens the model in this folder; needs torch, timm and safetensors, and nothing else.

from load import labels, load, preprocess

model = load()
logits = model(preprocess(PIL.Image.open("picture.jpg"))[None])
print(labels()[int(logits.argmax())])
"""

import json
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent


def load(folder: str | Path = HERE) -> nn.Module:
    """The trained model: preprocessed pictures (B, channels, H, W) to logits (B, classes)."""
    backbone = timm.create_model(f"local-dir:{folder}", pretrained=True)
    tensors = load_file(Path(folder) / "head.safetensors")
    layers: list[nn.Module] = []
    for number in range(len(tensors) // 2):
        weight, bias = tensors[f"{number}.weight"], tensors[f"{number}.bias"]
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight, "bias": bias})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(backbone, *layers[:-1]).eval()


def labels(folder: str | Path = HERE) -> list[str]:
    """Label names, in the order of the logits."""
    names: list[str] = json.loads((Path(folder) / "graft.json").read_text("utf-8"))["labels"]
    return names


def preprocess(picture: Image.Image, folder: str | Path = HERE) -> torch.Tensor:
    """A picture as the model's input, (channels, H, W)."""
    spec = json.loads((Path(folder) / "graft.json").read_text("utf-8"))["preprocess"]
    transform = timm.data.create_transform(
        input_size=(len(spec["mean"]), *spec["size"]),
        crop_pct=spec["crop_pct"],
        crop_mode=spec["crop_mode"],
        interpolation=spec["interpolation"],
        mean=spec["mean"],
        std=spec["std"],
    )
    picture = picture.convert("RGB" if len(spec["mean"]) == 3 else "L")
    if spec["channel_order"] == "BGR":
        picture = Image.merge("RGB", picture.split()[::-1])
    tensor: torch.Tensor = transform(picture)
    return tensor
