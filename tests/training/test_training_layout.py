"""Layout: maps keep their values, and networks that would lose by it keep theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Generator, Tensor

from graft.training.layout import channels_last, suits_channels_last


@pytest.mark.parametrize(
    ("name", "suits"),
    [("test_resnet", True), ("test_efficientnet", True), ("test_vit", False), ("vgg11", False)],
)
def test_networks_of_small_convolutions_suit(name: str, suits: bool) -> None:
    with torch.device("meta"):
        model = timm.create_model(name)
    assert suits_channels_last(model) is suits


def doubled(inputs: Tensor, _: Generator) -> Tensor:
    return inputs * 2


@pytest.mark.parametrize(("transform", "factor"), [(None, 1), (doubled, 2)])
def test_maps_keep_their_values(
    transform: Callable[[Tensor, Generator], Tensor] | None, factor: int
) -> None:
    maps, features = torch.randn(2, 3, 4, 5), torch.randn(2, 3)
    change = channels_last(transform)
    found = change(maps, Generator())
    assert torch.equal(found, factor * maps)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(change(features, Generator()), factor * features)
