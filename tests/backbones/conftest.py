"""Small folders in timm's layout, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

FolderMaker = Callable[..., tuple[Path, nn.Module]]


@pytest.fixture
def native_folder(tmp_path: Path) -> FolderMaker:
    """Makes (folder, native model): `make(architecture, classes=7, args={}, cfg={})`."""

    def make(
        architecture: str,
        classes: int = 7,
        args: dict[str, Any] | None = None,
        cfg: dict[str, Any] | None = None,
    ) -> tuple[Path, nn.Module]:
        folder = tmp_path / f"{architecture}-{classes}"
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

    return make
