"""The backbone that comes with the package."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from graft.backbones import bundled
from graft.backbones.load import load_backbone
from graft.errors import BackboneError
from tests.timm_folders import make_folder

FolderMaker = Callable[..., tuple[Path, nn.Module]]


@pytest.fixture
def native_folder(tmp_path: Path) -> FolderMaker:
    return partial(make_folder, tmp_path)


def test_the_bundled_backbone_opens_and_computes() -> None:
    backbone = load_backbone("bundled")
    assert (backbone.name, backbone.origin) == ("bundled", "bundled")
    images = torch.randn(2, backbone.spec.channels, *backbone.spec.size)
    with torch.no_grad():
        features = backbone(images)
    assert features.shape == (2, backbone.num_features)
    assert features.std() > 0


def test_bundled_weights_are_read_from_a_folder(
    native_folder: FolderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, native = native_folder("test_resnet")
    assert bundled.bundled_folder(folder) == folder
    monkeypatch.setattr(bundled.bundled_folder, "__defaults__", (folder,))
    loaded = load_backbone("bundled").model.state_dict()
    assert torch.equal(loaded["conv1.0.weight"], native.state_dict()["conv1.0.weight"])


def test_an_installation_without_them_says_so(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="bundled weights"):
        bundled.bundled_folder(tmp_path)
