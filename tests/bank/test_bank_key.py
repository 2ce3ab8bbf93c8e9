"""Keys: whatever a stored value depends on changes the key, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import PIL
import pytest
import torch

from graft.bank import pixels_key, prefix_key
from graft.network import Network
from graft.types import PreprocessSpec

MakeNetwork = Callable[..., Network]
SPEC = PreprocessSpec((32, 32), 0.9, "center", "bicubic", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
GEOMETRY = [
    replace(SPEC, size=(32, 40)),
    replace(SPEC, crop_pct=0.95),
    replace(SPEC, crop_mode="squash"),
    replace(SPEC, interpolation="bilinear"),
    replace(SPEC, mean=(0.5,), std=(0.2,)),
]
NORMALISATION = [
    replace(SPEC, mean=(0.5, 0.5, 0.6)),
    replace(SPEC, std=(0.2, 0.2, 0.3)),
    replace(SPEC, channel_order="BGR"),
]


def key_of(network: Network, depth: int = 2, engine: str = "e", batch_size: int = 64) -> str:
    inputs = pixels_key(network.backbone.spec)
    return prefix_key(network, depth, inputs=inputs, engine=engine, batch_size=batch_size)


@pytest.mark.parametrize("other", GEOMETRY)
def test_another_geometry_is_another_shelf_of_pixels(other: PreprocessSpec) -> None:
    assert pixels_key(other) != pixels_key(SPEC)


@pytest.mark.parametrize("other", NORMALISATION)
def test_normalisation_comes_after_the_stored_pixels(other: PreprocessSpec) -> None:
    assert pixels_key(other) == pixels_key(SPEC)


def test_another_decoder_is_another_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pixels_key(SPEC)
    monkeypatch.setattr(PIL, "__version__", "0.0")
    assert pixels_key(SPEC) != before


@pytest.mark.parametrize("other", GEOMETRY[:-1] + NORMALISATION)
def test_the_whole_preprocessing_is_in_the_key_of_a_prefix(
    other: PreprocessSpec, make_network: MakeNetwork
) -> None:
    network = make_network()
    network.backbone.spec = SPEC
    before = key_of(network)
    network.backbone.spec = other
    assert key_of(network) != before


def test_every_tensor_of_the_prefix_and_no_other_is_in_its_key(make_network: MakeNetwork) -> None:
    network = make_network()
    model = network.backbone.model
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    depth = 2
    inside = {name for block in network.backbone.blocks[:depth] for name in block.tensors}
    assert any("running_var" in name for name in inside)
    assert inside < set(tensors)
    before = key_of(network, depth)
    for name, tensor in tensors.items():
        kept = tensor.detach().clone()
        with torch.no_grad():
            tensor.view(-1)[0] += 1
        assert (key_of(network, depth) != before) == (name in inside), name
        with torch.no_grad():
            tensor.copy_(kept)
    assert key_of(network, depth) == before


def test_the_head_is_in_no_key(make_network: MakeNetwork) -> None:
    whole = 5
    assert key_of(make_network(), whole) == key_of(make_network(head="mlp:8", classes=7), whole)


def test_depth_engine_batch_size_and_release_are_in_the_key(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    keys = {
        key_of(network),
        key_of(network, depth=3),
        key_of(network, engine="other"),
        key_of(network, batch_size=32),
    }
    monkeypatch.setattr(torch, "__version__", "0.0")
    keys.add(key_of(network))
    assert len(keys) == 5


def test_the_same_weights_under_other_names_are_another_model(make_network: MakeNetwork) -> None:
    """Equal tensors do not make equal networks: the arguments that build it count too."""
    network = make_network()
    before = key_of(network)
    network.backbone.config = {**network.backbone.config, "model_args": {"act_layer": "gelu"}}
    assert key_of(network) != before
