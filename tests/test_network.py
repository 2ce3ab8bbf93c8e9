"""Cutting networks: prefix and suffix together are the whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Origin
from graft.backbones.blocks import blocks_of
from graft.backbones.load import load_backbone
from graft.heads.build import build_head
from graft.network import CannotSplit, Network, verify_split
from graft.types import PreprocessSpec

SIZE = 32
SWIN = {"patch_size": 2, "window_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 2]}
# Miniatures of the families: the architecture's own code, few channels.
FAMILIES: dict[str, dict[str, Any]] = {
    "resnet18": {"channels": [8, 16, 24, 32]},
    "vgg11": {"mlp_ratio": 0.01},
    "vgg11_bn": {"mlp_ratio": 0.01},
    "mobilenetv2_035": {},
    "mobilenetv3_small_050": {},
    "test_efficientnet": {},
    "test_convnext": {},
    "test_nfnet": {},
    "test_vit": {"img_size": SIZE},
    "test_vit4": {"img_size": SIZE},  # register tokens
    "swin_tiny_patch4_window7_224": {"img_size": SIZE, **SWIN},
}


def network_of(folder: Path, architecture: str, head: str = "linear") -> Network:
    cfg = {"input_size": [3, SIZE, SIZE], "classifier": None}
    config = {"architecture": architecture, "model_args": FAMILIES[architecture]}
    (folder / "config.json").write_text(json.dumps({**config, "pretrained_cfg": cfg}))
    backbone = load_backbone(str(folder), weights="random")
    return Network(backbone, build_head(head, backbone.num_features, classes=5)).eval()


def pictures(rows: int = 4) -> Tensor:
    return torch.randn(rows, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", FAMILIES)
def test_the_parts_equal_the_whole_at_every_boundary(tmp_path: Path, architecture: str) -> None:
    network = network_of(tmp_path, architecture)
    images = pictures()
    with torch.no_grad():
        whole = network(images)
        for depth in range(len(network.backbone.blocks) + 1):
            parts = network.split(depth)
            assert torch.equal(parts.suffix(parts.prefix(images)), whole), depth
            assert verify_split(parts, network, images) == 0


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenetv3_small_050", "test_vit"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_gradients_are_those_of_the_network_with_a_frozen_prefix(
    tmp_path: Path, architecture: str, share: float
) -> None:
    network = network_of(tmp_path, architecture)
    depth = round(share * len(network.backbone.blocks))
    frozen = {name for block in network.backbone.blocks[:depth] for name in block.tensors}
    for name, parameter in network.backbone.model.named_parameters():
        parameter.requires_grad_(name not in frozen)

    parts = network.split(depth)
    images = pictures()
    gradients = []
    for forward in (network, lambda x: parts.suffix(parts.prefix(x))):
        network.zero_grad()
        forward(images).square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append([p.grad for p in network.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["resnet18", "test_vit"])
def test_the_suffix_trains_the_unfrozen_blocks_and_the_head(
    tmp_path: Path, architecture: str
) -> None:
    network = network_of(tmp_path, architecture)
    depth = 3
    unfrozen = [name for block in network.backbone.blocks[depth:] for name in block.tensors]
    parameters = dict(network.named_parameters())
    expected = {f"backbone.model.{n}" for n in unfrozen if f"backbone.model.{n}" in parameters}
    expected |= {"head.weight", "head.bias"}

    suffix = network.split(depth).suffix

    assert {name for name, _ in suffix.named_parameters()} == expected
    assert all(p is parameters[name] for name, p in suffix.named_parameters())


def test_the_prefix_has_no_gradient(tmp_path: Path) -> None:
    network = network_of(tmp_path, "test_convnext")
    for depth in (1, len(network.backbone.blocks)):
        assert not network.split(depth).prefix(pictures()).requires_grad


def test_a_batch_of_any_size_passes(tmp_path: Path) -> None:
    network = network_of(tmp_path, "swin_tiny_patch4_window7_224")
    parts = network.split(2)
    for rows in (1, 2, 5):
        with torch.no_grad():
            assert verify_split(parts, network, pictures(rows)) == 0


def test_training_mode_reaches_the_unfrozen_part_alone(tmp_path: Path) -> None:
    network = network_of(tmp_path, "resnet18")
    suffix = network.split(4).suffix.train()
    model = network.backbone.model
    assert model.get_submodule("layer4.1.bn1").training
    assert not model.get_submodule("layer1.0.bn1").training
    suffix.eval()
    assert not any(module.training for module in network.modules())


def test_statistics_of_unfrozen_layers_move_in_training_mode_and_others_do_not(
    tmp_path: Path,
) -> None:
    network = network_of(tmp_path, "resnet18")
    parts = network.split(4)
    frozen = {name for block in network.backbone.blocks[:4] for name in block.tensors}
    before = {name: b.clone() for name, b in network.backbone.model.named_buffers()}
    parts.suffix.train()
    parts.suffix(parts.prefix(pictures()))
    moved = {
        name
        for name, buffer in network.backbone.model.named_buffers()
        if not torch.equal(buffer, before[name])
    }
    assert moved
    assert not moved & frozen


def test_the_prefix_computes_in_evaluation_mode_and_restores_the_modes(tmp_path: Path) -> None:
    network = network_of(tmp_path, "resnet18")
    prefix = network.split(4).prefix
    expected = prefix(pictures())
    network.train()
    assert torch.equal(prefix.train()(pictures()), expected)
    assert all(module.training for module in network.modules())


def test_cached_activations_are_not_written_into(tmp_path: Path) -> None:
    network = network_of(tmp_path, "vgg11")  # a convolution, then ReLU in place
    parts = network.split(2)
    activations = parts.prefix(pictures())
    before = activations.clone()
    with torch.no_grad():
        parts.suffix(activations)
    assert (before < 0).any()
    assert torch.equal(activations, before)


def test_nothing_of_the_interception_remains(tmp_path: Path) -> None:
    network = network_of(tmp_path, "test_vit")
    parts = network.split(3)
    with torch.no_grad(), pytest.raises(RuntimeError):
        parts.suffix(torch.zeros(2, 3, 5))  # of no use to block 3
    with pytest.raises(RuntimeError):
        parts.prefix(torch.zeros(2, 1, SIZE, SIZE))
    assert not any("forward" in vars(module) for module in network.modules())


def test_another_thread_sees_the_whole_network_meanwhile(tmp_path: Path) -> None:
    network = network_of(tmp_path, "test_convnext")
    images, found = pictures(), list[Tensor]()
    with torch.no_grad():
        expected = network(images)
    inside, done = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        inside.set()
        done.wait(10)

    def other() -> None:
        inside.wait(10)
        with torch.no_grad():
            found.append(network(images))
        done.set()

    parts = network.split(3)
    activations = parts.prefix(images)
    last = network.backbone.blocks[3].name
    thread = threading.Thread(target=other)
    handle = network.backbone.model.get_submodule(last).register_forward_pre_hook(
        lambda *args: None if threading.current_thread() is thread else hold(*args)
    )
    thread.start()
    with torch.no_grad():
        joined = parts.suffix(activations)
    thread.join()
    handle.remove()
    assert torch.equal(found[0], expected)
    assert torch.equal(joined, expected)


@pytest.mark.parametrize("depth", [-1, 6])
def test_a_depth_that_does_not_exist_is_refused(depth: int) -> None:
    network = toy_network(Chain())
    assert len(network.backbone.blocks) == 3
    with pytest.raises(ValueError, match="3 blocks"):
        network.split(depth)


class Chain(nn.Module):
    """Three blocks in a row; the second returns the first dimension twice as long."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.a(images.mean((2, 3)).repeat_interleave(2, 0))
        features: Tensor = self.c(self.b(x).view(-1, 8))
        return features


class TwoPaths(Chain):
    """What two blocks compute from the input meets in the third."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.mean((2, 3))
        features: Tensor = self.c(torch.cat([self.a(x), self.b(x)], 1))
        return features


class Reused(Chain):
    """The first block runs again after the second."""

    def forward(self, images: Tensor) -> Tensor:
        x = self.a(self.b(self.a(images.mean((2, 3)))))
        features: Tensor = self.c(torch.cat([x, x], 1))
        return features


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * self.weight, x + self.weight


class Tuples(Chain):
    """The first block returns two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.a = Pair()  # type: ignore[assignment]

    def forward(self, images: Tensor) -> Tensor:
        left, right = self.a(images.mean((2, 3)))
        features: Tensor = self.c(torch.cat([self.b(left), right], 1))
        return features


class WrittenInPlace(Chain):
    """The frozen part's own code adds to what it computed."""

    def forward(self, images: Tensor) -> Tensor:
        x = self.a(images.mean((2, 3)))
        x += 1
        x = self.b(x)
        features: Tensor = self.c(torch.cat([x, x], 1))
        return features


class Tied(Chain):
    """The first block's weight is also a later block's."""

    def __init__(self) -> None:
        super().__init__()
        self.b.weight = self.a.weight

    def forward(self, images: Tensor) -> Tensor:
        x = self.b(self.a(images.mean((2, 3))))
        features: Tensor = self.c(torch.cat([x, x], 1))
        return features


def toy_network(model: nn.Module) -> Network:
    spec = PreprocessSpec((3, 3), 1.0, "squash", "bilinear", (0.5,) * 4, (0.5,) * 4)
    backbone = Backbone(
        model.eval(),
        spec=spec,
        blocks=blocks_of(model),
        num_features=4,
        origin=Origin("toy", "toy", "random", {}),
    )
    return Network(backbone, build_head("linear", 4, classes=2)).eval()


@pytest.mark.parametrize(
    ("model", "depth"),
    [(TwoPaths, 1), (TwoPaths, 2), (Reused, 1), (Tuples, 1)],
)
def test_a_model_that_cannot_be_cut_is_found_out(
    model: Callable[[], nn.Module], depth: int
) -> None:
    network = toy_network(model())
    with pytest.raises(CannotSplit):
        network.split(depth)
    assert not any("forward" in vars(module) for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("model", "depth"),
    [(Chain, 1), (Chain, 2), (Reused, 2), (WrittenInPlace, 2), (Tied, 1), (Tied, 2)],
)
def test_a_model_that_can_be_cut_is(model: Callable[[], nn.Module], depth: int) -> None:
    network = toy_network(model())
    parts = network.split(depth)
    assert verify_split(parts, network, torch.randn(3, 4, 3, 3)) == 0


def test_a_parameter_shared_with_the_prefix_does_not_train() -> None:
    network = toy_network(Tied())
    names = {name for name, _ in network.split(1).suffix.named_parameters()}
    assert "backbone.model.b.bias" in names
    assert not any(name.endswith(("a.weight", "b.weight")) for name in names)


def test_verification_finds_a_difference() -> None:
    network, other = toy_network(Chain()), toy_network(Chain())
    with pytest.raises(CannotSplit, match="differ"):
        verify_split(other.split(1), network, torch.randn(3, 4, 3, 3))
