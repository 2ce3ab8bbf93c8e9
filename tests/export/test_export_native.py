"""Saved models open everywhere, answer as before, and are refused when they would not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from small_models import LABELS, save_both, small_network
from torch import Tensor, nn

from graft.errors import ModelError, OutputError
from graft.export.native import load_model, save_model
from graft.heads.linear import LinearHead
from graft.network import Network

NetworkMaker = Callable[..., Network]
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {"channels": [8, 16, 24, 32]}),
    ("mobilenetv3_small_050", {}),  # conv_head between pooling and classifier
    ("vgg11", {"mlp_ratio": 0.01}),  # pre_logits before pooling
    ("test_vit", {"img_size": 32}),
    ("test_convnext", {}),
]


@pytest.fixture
def make_network(tmp_path: Path) -> NetworkMaker:
    return partial(small_network, tmp_path / "source")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_both(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def saved(pristine: Path, tmp_path: Path) -> Path:
    """A copy of both formats, to be spoiled."""
    shutil.copytree(pristine, tmp_path / "saved")
    return tmp_path / "saved"


def inputs_of(network: Network, rows: int = 3) -> Tensor:
    spec = network.backbone.spec
    return torch.randn(rows, spec.channels, *spec.size)


def logits_of(model: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model.eval()(inputs)
    return logits


@pytest.mark.parametrize(("architecture", "args"), FAMILIES)
def test_a_linear_head_makes_a_native_model(
    make_network: NetworkMaker, tmp_path: Path, architecture: str, args: dict[str, Any]
) -> None:
    network = make_network(architecture, args=args)
    done = save_model(tmp_path / "model", network, LABELS, "classification", {"depth": 2})
    native = timm.create_model(f"local-dir:{done.folder}", pretrained=True)
    loaded = load_model(done.folder)
    inputs = inputs_of(network)
    expected = logits_of(network, inputs)
    assert done.format == loaded.format == "timm"
    torch.testing.assert_close(logits_of(native, inputs), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits_of(loaded.network, inputs), expected, rtol=0, atol=1e-5)
    assert native.num_classes == 3
    assert tuple(native.pretrained_cfg["label_names"]) == loaded.labels == tuple(LABELS)
    assert (loaded.task, loaded.extras) == ("classification", {"depth": 2})
    assert loaded.spec == network.backbone.spec


@pytest.mark.parametrize(
    ("architecture", "head"),
    [
        ("test_resnet", "mlp:9"),
        ("test_vit", "mlp:9,8"),
        ("deit_tiny_distilled_patch16_224", "linear"),  # the architecture has two classifiers
    ],
)
def test_any_other_head_lies_beside_the_native_backbone(
    make_network: NetworkMaker, tmp_path: Path, architecture: str, head: str
) -> None:
    args = {"img_size": 32} if architecture.startswith("deit") else {}
    network = make_network(architecture, head=head, args=args)
    done = save_model(tmp_path / "model", network, LABELS, "classification", {})
    loaded = load_model(done.folder)
    assert done.format == loaded.format == "backbone+head"
    inputs = inputs_of(network)
    torch.testing.assert_close(logits_of(loaded.network, inputs), logits_of(network, inputs))
    names = {path.name for path in done.folder.iterdir()}
    assert {"config.json", "model.safetensors", "head.safetensors", "load.py"} <= names


def test_grey_networks_are_saved_too(make_network: NetworkMaker, tmp_path: Path) -> None:
    cfg = {"input_size": [1, 32, 32], "mean": [0.5], "std": [0.25]}
    network = make_network("test_resnet", cfg=cfg)
    done = save_model(tmp_path / "model", network, LABELS, "classification", {})
    native = timm.create_model(f"local-dir:{done.folder}", pretrained=True)
    inputs = inputs_of(network)
    assert inputs.shape[1] == 1
    torch.testing.assert_close(
        logits_of(native, inputs), logits_of(network, inputs), rtol=0, atol=1e-5
    )


def test_a_loaded_model_saves_again(saved: Path, tmp_path: Path) -> None:
    first = load_model(saved / "timm")
    save_model(tmp_path / "again", first.network, first.labels, first.task, first.extras)
    second = load_model(tmp_path / "again")
    one, two = first.network.backbone, second.network.backbone
    assert (one.name, one.origin, one.spec) == (two.name, two.origin, two.spec)
    inputs = inputs_of(first.network)
    torch.testing.assert_close(
        logits_of(first.network, inputs), logits_of(second.network, inputs), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("head", ["linear", "mlp:8"])
def test_the_same_network_is_saved_as_the_same_bytes(
    make_network: NetworkMaker, tmp_path: Path, head: str
) -> None:
    network = make_network("test_resnet", head=head)
    for name in ("a", "b"):
        save_model(tmp_path / name / "model", network, LABELS, "classification", {})
    for path in sorted((tmp_path / "a" / "model").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / "model" / path.name).read_bytes(), path.name


def test_saving_leaves_the_network_as_it_is(make_network: NetworkMaker, tmp_path: Path) -> None:
    network = make_network("test_resnet").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    save_model(tmp_path / "model", network, LABELS, "classification", {})
    assert all(module.training for module in network.modules())
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    assert isinstance(network.head, LinearHead)


@pytest.mark.parametrize("form", ["timm", "separate"])
def test_nothing_but_safetensors_json_and_text_is_written(saved: Path, form: str) -> None:
    suffixes = {path.suffix for path in (saved / form).iterdir()}
    assert suffixes <= {".safetensors", ".json", ".md", ".py"}


def test_the_number_of_labels_must_be_that_of_logits(
    make_network: NetworkMaker, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="2 labels for 3 logits"):
        save_model(tmp_path / "model", make_network(), ["a", "b"], "classification", {})


def test_a_foreign_folder_is_not_overwritten(make_network: NetworkMaker, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError):
        save_model(tmp_path / "model", make_network(), LABELS, "classification", {})
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["thesis.txt"]


def test_a_model_that_answers_differently_is_not_saved(
    make_network: NetworkMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network("test_resnet", head="mlp:8")
    forward = network.head.forward
    monkeypatch.setattr(network.head, "forward", lambda features: forward(features) + 1)
    with pytest.raises(ModelError, match="logits moved"):
        save_model(tmp_path / "model", network, LABELS, "classification", {})
    assert not (tmp_path / "model").exists()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lacks"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match="lacks"):
        load_model(tmp_path / "nowhere")
