"""Models that are built for loading: the same as ever once they are loaded."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from graft.backbones.undrawn import Undrawn

# Of every way in which timm draws first values: kaiming, truncated normal, layer scale, buffers.
FAMILIES = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_mambaout")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_built_undrawn_and_loaded_is_the_drawn_one(name: str) -> None:
    drawn = timm.create_model(name).eval()
    with Undrawn():
        loaded = timm.create_model(name).eval()
    loaded.load_state_dict(drawn.state_dict())
    size = drawn.pretrained_cfg["input_size"]
    picture = torch.rand(1, *size)
    with torch.no_grad():
        assert torch.equal(loaded(picture), drawn(picture))
    ours, theirs = dict(loaded.named_buffers()), dict(drawn.named_buffers())
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())


def test_nothing_is_drawn_for_parameters_and_all_for_other_tensors() -> None:
    before = torch.get_rng_state()
    with Undrawn():
        nn.init.kaiming_normal_(nn.Conv2d(3, 4, 3).weight)
        nn.Parameter(torch.empty(3)).normal_()
    assert torch.equal(torch.get_rng_state(), before)
    with Undrawn():
        torch.empty(3).normal_()
    assert not torch.equal(torch.get_rng_state(), before)
