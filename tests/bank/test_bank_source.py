"""Sources: cached equals uncached at every depth, and where it does not, nothing is cached."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graft.bank.feed import Feed
from graft.bank.source import open_source, pooled_features
from graft.data.augment import light
from graft.network import CannotSplit, Network, Split

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
ROWS = np.array([3, 0, 35, 17])


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_efficientnet"])
def test_cached_equals_uncached_at_every_depth(
    architecture: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network(architecture)
    feed = make_feed(network)
    warnings: list[str] = []
    with torch.no_grad():
        expected = network(feed.inputs.prepare(feed.raw(ROWS)))
        for depth in range(len(network.backbone.blocks) + 1):
            source = open_source(network, depth, feed, warnings)
            assert source.depth == depth
            found = source.suffix(source.read(ROWS))
            assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5), depth
    assert warnings == []


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_efficientnet"])
def test_features_come_from_the_deepest_stored_outputs(
    architecture: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network(architecture)
    blocks, feed = len(network.backbone.blocks), make_feed(network)
    with torch.no_grad():
        expected = network.backbone(feed.inputs.prepare(feed.raw(ROWS)))
    reader = pooled_features(network, [blocks, blocks - 1, 1, 0], feed)
    assert torch.allclose(reader(ROWS), expected, rtol=1e-4, atol=1e-5)
    warnings: list[str] = []
    assert open_source(network, blocks - 1, feed, warnings).depth == blocks - 1
    assert open_source(network, blocks, feed, warnings).reader is reader
    assert feed.use.computed == 2 * len(feed)
    assert not warnings
    again = make_feed(network)
    assert torch.equal(pooled_features(network, [blocks - 1], again)(ROWS), reader(ROWS))
    assert again.use.computed == 0


def test_features_at_full_depth_alone_are_computed_at_once(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    blocks, feed = len(network.backbone.blocks), make_feed(network)
    reader = pooled_features(network, [blocks, 0], feed)
    assert feed.use.computed == len(feed)
    assert feed.activations(blocks, network.backbone) is reader


def test_at_depth_0_pixels_are_augmented_then_normalised(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    source = open_source(network, 0, make_feed(network), [])
    pixels = source.reader(ROWS)
    assert pixels.dtype == torch.uint8
    plain, changed = source.transform("none"), source.transform("light")
    assert plain is not None
    assert changed is not None
    seeded = torch.Generator().manual_seed
    assert torch.equal(plain(pixels, seeded(0)), source.inputs.prepare(pixels))
    expected = source.inputs.prepare(light(pixels, seeded(0)))
    assert torch.equal(changed(pixels, seeded(0)), expected)


def test_activations_are_left_as_they_are(make_network: MakeNetwork, make_feed: MakeFeed) -> None:
    network = make_network()
    source = open_source(network, 1, make_feed(network), [])
    assert source.transform("light") is None
    assert torch.equal(source.read(ROWS), source.reader(ROWS))


def test_a_network_that_cannot_be_split_runs_from_pixels_and_says_so(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Network, depth: int) -> Split:
        raise CannotSplit("the road is closed")

    network = make_network()
    feed, warnings = make_feed(network), list[str]()
    monkeypatch.setattr(Network, "split", refuse)
    source = open_source(network, 2, feed, warnings)
    assert source.depth == 0
    (warning,) = warnings
    assert "after block 2" in warning
    assert "the road is closed" in warning
    with torch.no_grad():
        found = source.suffix(source.read(ROWS))
        assert torch.equal(found, network(feed.inputs.prepare(feed.raw(ROWS))))


class Wrong(nn.Module):
    """A suffix that answers a little or very differently."""

    def __init__(self, suffix: nn.Module, factor: float) -> None:
        super().__init__()
        self.suffix = suffix
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.suffix(inputs) * self.factor
        return outputs


@pytest.mark.parametrize("factor", [1.5, float("nan")])
def test_a_split_that_answers_differently_is_not_used(
    factor: float, make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.mul_(20)
    good = network.split(2)
    parts = Split(good.prefix, Wrong(good.suffix, factor))
    monkeypatch.setattr(Network, "split", lambda self, depth: parts)
    warnings: list[str] = []
    assert open_source(network, 2, make_feed(network), warnings).depth == 0
    assert "cached and uncached outputs differ" in warnings[0]
