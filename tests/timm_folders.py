"""Small folders in timm's layout, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import nn


def make_folder(
    root: Path,
    architecture: str,
    classes: int = 7,
    args: dict[str, Any] | None = None,
    cfg: dict[str, Any] | None = None,
) -> tuple[Path, nn.Module]:
    """A folder below `root`, and the model whose weights lie in it."""
    folder = root / f"{architecture}-{classes}"
    folder.mkdir()
    torch.manual_seed(5)
    arguments = {**(args or {}), "num_classes": classes}
    model: nn.Module = timm.create_model(architecture, **arguments)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    pretrained = {**timm.get_pretrained_cfg(architecture).to_dict(remove_source=True)}
    pretrained |= {"num_classes": classes, **(cfg or {})}
    config = {"architecture": architecture, "num_classes": classes, "model_args": arguments}
    text = json.dumps({**config, "pretrained_cfg": pretrained})
    (folder / "config.json").write_text(text)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder, model.eval()
