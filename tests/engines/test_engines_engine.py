"""Every engine answers like eager execution, at any depth, and leaves the network as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graft.backbones.load import load_backbone
from graft.engines import ENGINES, EngineFailed, available, check_engine, first_sound, identity
from graft.engines import engine as engine_file
from graft.engines import onnx as onnx_file
from graft.engines.engine import Engine, Kind, sound
from graft.errors import ResourceError, UnknownNameError
from graft.network import Network

MakeNetwork = Callable[..., Network]
CPU = torch.device("cpu")
SMALL = ("test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_nfnet")
LARGE = (
    "resnet50",
    "vgg11",
    "vgg11_bn",
    "mobilenetv3_small_050",
    "efficientnet_b0",
    "convnext_atto",
    "swin_tiny_patch4_window7_224",
    "vit_tiny_patch16_224",
)


def pictures(rows: int = 3, side: int = 32) -> Tensor:
    return torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(1))


def bytes_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def agrees(name: str, prefix: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        expected = prefix(inputs)
    found = sound(name, prefix, inputs)(inputs)
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= 1e-4 * scale


@pytest.mark.parametrize("architecture", SMALL)
def test_packed_and_folded_agree(architecture: str, make_network: MakeNetwork) -> None:
    network = make_network(architecture)
    before = bytes_of(network)
    agrees("packed", network.backbone, pictures())
    agrees("folded", network.split(2).prefix, pictures())
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@pytest.mark.long
@pytest.mark.parametrize("architecture", SMALL)
def test_engines_agree_at_every_depth(architecture: str, make_network: MakeNetwork) -> None:
    network = make_network(architecture)
    for depth in range(1, len(network.backbone.blocks) + 1):
        for name in available(CPU):
            agrees(name, network.split(depth).prefix, pictures())


@pytest.mark.long
@pytest.mark.parametrize("architecture", LARGE)
@pytest.mark.parametrize("name", ["folded", "packed", "onnxruntime"])
def test_engines_agree_on_large_families(name: str, architecture: str) -> None:
    if name not in available(CPU):
        pytest.skip("ONNX Runtime is an extra")
    backbone = load_backbone(architecture, weights="random")
    agrees(name, backbone.eval(), pictures(2, backbone.spec.size[0]))


@pytest.mark.skipif("onnxruntime" not in available(CPU), reason="ONNX Runtime is an extra")
def test_onnx_runtime_agrees_in_between(make_network: MakeNetwork) -> None:
    agrees("onnxruntime", make_network().split(2).prefix, pictures())


@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_half_precision_is_recorded_in_half_precision(name: str, make_network: MakeNetwork) -> None:
    """What a GPU gets, and a CPU that asks for it; any CPU can run them, only slowly."""
    network = make_network()
    with torch.no_grad():
        expected = network.backbone(pictures())
    found = sound(name, network.backbone, pictures())(pictures())
    assert found.dtype == torch.float32
    difference = float((found - expected).abs().max()) / float(expected.abs().max())
    assert 0 < difference <= ENGINES[name].tolerance


class Shared(nn.Module):
    """A convolution whose output is read twice, and sums that are written in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        raw = self.conv(inputs)
        total = self.act(self.norm(raw)) + raw
        total += raw
        output: Tensor = self.act(total) * raw
        return output


@pytest.mark.parametrize("name", ["folded", "packed"])
def test_a_value_with_two_readers_is_not_folded_away(name: str) -> None:
    module = Shared().eval()
    module.norm.running_var = torch.full((4,), 3.0)
    agrees(name, module, pictures())


class Writes(nn.Module):
    """Writes into its own values in place."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu_(inputs + 0).mul_(2)


@pytest.mark.parametrize("name", ["eager", "folded"])
def test_the_inputs_are_not_written_into(name: str) -> None:
    inputs = pictures()
    before = inputs.clone()
    agrees(name, Writes().eval(), inputs)
    assert torch.equal(inputs, before)


class Branches(nn.Module):
    """What it computes depends on the values: nothing that can be recorded."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2 if bool(inputs.sum() > 0) else inputs


@pytest.mark.parametrize("name", ["folded", "onnxruntime"])
def test_what_cannot_be_recorded_runs_eagerly_and_is_told(name: str) -> None:
    notes: list[str] = []
    engine = first_sound(name, Branches(), pictures(), notes.append)
    assert engine.name == "eager"
    assert torch.equal(engine(pictures()), Branches()(pictures()))
    assert notes[-1].startswith("The engine 'folded' is not used, 'eager' is: ")


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_an_engine_with_other_answers_is_not_used(
    factor: float, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(prefix: nn.Module, inputs: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda batch: prefix(batch) * factor

    table = {**ENGINES, "packed": Kind(wrong, ("cpu",))}
    monkeypatch.setattr(engine_file, "ENGINES", table)
    backbone = make_network().backbone
    with pytest.raises(EngineFailed):
        sound("packed", backbone, pictures())
    notes: list[str] = []
    assert first_sound("packed", backbone, pictures(), notes.append).name == "folded"
    assert len(notes) == 1


def test_names_are_looked_up() -> None:
    check_engine("auto", CPU)
    check_engine("folded", CPU)
    with pytest.raises(UnknownNameError, match="folded"):
        check_engine("fold", CPU)
    with pytest.raises(ResourceError, match="does not run here"):
        check_engine("half", CPU)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "installed", lambda: False)
    with pytest.raises(ResourceError, match=r"graft-learn\[onnx\]"):
        check_engine("onnxruntime", CPU)


def test_identities_differ() -> None:
    names = {identity(name, CPU) for name in available(CPU)}
    assert len(names) == len(available(CPU))


def test_no_gradients_flow(make_network: MakeNetwork) -> None:
    engine = Engine("eager", make_network().backbone)
    assert not engine(pictures()).requires_grad
