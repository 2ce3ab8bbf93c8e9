"""Loading: names, folders, random weights, sizes, preprocessing."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.data import resolve_model_data_config
from torch import nn

from graft.backbones import bundled
from graft.backbones.load import list_backbones, load_backbone
from graft.errors import BackboneError, UnknownNameError
from tests.timm_folders import make_folder

FolderMaker = Callable[..., tuple[Path, nn.Module]]


@pytest.fixture
def native_folder(tmp_path: Path) -> FolderMaker:
    return partial(make_folder, tmp_path)


RESNET = {"channels": [8, 16, 24, 32]}


@pytest.mark.parametrize(
    ("architecture", "args"),
    [
        ("resnet18", RESNET),
        ("mobilenetv3_small_050", {}),  # a layer between pooling and classifier
        ("test_vit", {}),
        ("test_convnext", {}),
        ("deit_tiny_distilled_patch16_224", {}),  # two classifiers
    ],
)
def test_features_are_what_the_native_model_feeds_to_its_classifier(
    native_folder: FolderMaker, architecture: str, args: dict[str, object]
) -> None:
    folder, native = native_folder(architecture, args=args)
    backbone = load_backbone(str(folder))
    images = torch.randn(2, 3, *backbone.spec.size)
    with torch.no_grad():
        expected = native.forward_head(native.forward_features(images), pre_logits=True)  # type: ignore[operator]
        if isinstance(expected, tuple):  # distilled
            expected = sum(expected) / 2
        features = backbone(images)
    torch.testing.assert_close(features, expected)
    assert features.shape == (2, backbone.num_features)


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
@pytest.mark.parametrize("classes", [0, 7])
def test_a_folder_is_a_backbone(native_folder: FolderMaker, prefix: str, classes: int) -> None:
    folder, native = native_folder("resnet18", classes=classes, args=RESNET)
    backbone = load_backbone(f"{prefix}{folder}")
    assert backbone.architecture == "resnet18"
    assert backbone.origin == str(folder)
    assert not backbone.training
    loaded, original = backbone.model.state_dict(), native.state_dict()
    assert loaded.keys() == original.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(loaded[name], original[name]) for name in loaded)


def test_the_config_builds_the_same_model_again(native_folder: FolderMaker) -> None:
    folder, _ = native_folder("resnet18", args=RESNET)
    backbone = load_backbone(str(folder))
    config = json.loads(json.dumps(backbone.config))
    again = timm.create_model(
        config["architecture"], **config["model_args"], num_classes=0
    ).state_dict()
    assert {n: t.shape for n, t in again.items()} == {
        n: t.shape for n, t in backbone.model.state_dict().items()
    }


@pytest.mark.parametrize("name", ["test_resnet", "test_resnet.r160_in1k", "test_vit"])
def test_random_weights_come_from_the_seed_alone(name: str) -> None:
    before = torch.get_rng_state()
    first, second = (load_backbone(name, weights="random", seed=3) for _ in range(2))
    other = load_backbone(name, weights="random", seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    parameter = next(n for n, p in first.model.named_parameters() if p.ndim > 1)
    one, two, three = (b.model.get_parameter(parameter) for b in (first, second, other))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    assert first.origin == "random"


@pytest.mark.parametrize(
    "cfg",
    [
        {},
        {"crop_mode": "squash", "crop_pct": 1.0, "interpolation": "nearest"},
        {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 48, 64]},
    ],
)
def test_preprocessing_comes_from_the_checkpoint(
    native_folder: FolderMaker, cfg: dict[str, object]
) -> None:
    folder, _ = native_folder("test_resnet", cfg=cfg)
    spec = load_backbone(str(folder)).spec
    native = timm.create_model(f"local-dir:{folder}", pretrained=True)
    config = resolve_model_data_config(native)
    assert [spec.channels, *spec.size] == list(config["input_size"])
    assert (spec.crop_pct, spec.crop_mode) == (config["crop_pct"], config["crop_mode"])
    assert spec.interpolation == config["interpolation"]
    assert (spec.mean, spec.std) == (tuple(config["mean"]), tuple(config["std"]))


def test_a_random_interpolation_is_bilinear_in_evaluation(native_folder: FolderMaker) -> None:
    folder, _ = native_folder("test_resnet", cfg={"interpolation": "random"})
    assert load_backbone(str(folder)).spec.interpolation == "bilinear"


def test_grey_backbones_take_one_channel(native_folder: FolderMaker) -> None:
    cfg = {"input_size": [1, 32, 32], "mean": [0.4], "std": [0.2]}
    folder, _ = native_folder("resnet18", args={**RESNET, "in_chans": 1}, cfg=cfg)
    backbone = load_backbone(str(folder))
    assert (backbone.spec.channels, backbone.spec.mean) == (1, (0.4,))
    assert backbone(torch.zeros(2, 1, 32, 32)).shape == (2, 32)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_the_size_can_be_changed(name: str) -> None:
    backbone = load_backbone(name, weights="random", size=64)
    assert backbone.spec.size == (64, 64)
    assert backbone.config["pretrained_cfg"]["input_size"] == [3, 64, 64]
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.num_features)


def test_position_embeddings_are_resampled_to_another_size(native_folder: FolderMaker) -> None:
    folder, native = native_folder("test_vit")
    backbone = load_backbone(str(folder), size=32)
    own = native.state_dict()
    tokens = backbone.model.get_parameter("pos_embed").shape[1]
    assert tokens < own["pos_embed"].shape[1]
    kept = {n: t for n, t in backbone.model.state_dict().items() if n != "pos_embed"}
    assert all(torch.equal(tensor, own[name]) for name, tensor in kept.items())
    again = load_backbone(str(folder), size=32)
    assert again.config["model_args"]["img_size"] == [32, 32]


@pytest.mark.parametrize(("name", "size"), [("test_vit", 7), ("inception_v3", 16), ("bundled", 15)])
def test_a_size_that_does_not_fit_is_refused(name: str, size: int) -> None:
    with pytest.raises(BackboneError) as caught:
        load_backbone(name, weights="random", size=size)
    assert "size" in caught.value.next


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet51", "resnet50"),
        ("mobilnetv2_100", "mobilenetv2_100"),
        ("bundle", "bundled"),
        ("resnet50.nonsense", "resnet50.a1_in1k"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_backbone(name)
    assert near in caught.value.allowed
    assert caught.value.allowed.count(",") < 11
    assert "graft backbones PATTERN" in caught.value.next


@pytest.mark.parametrize("name", ["./nowhere", "local-dir:nowhere", "timm/resnet18.a1_in1k"])
def test_a_folder_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(BackboneError, match="no folder"):
        load_backbone(name)


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"config\.json"):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"architecture": "nonsense"}'])
def test_a_config_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BackboneError, match=r"config\.json"):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize("name", ["layer1.0.conv1.weight", "bn1.running_mean", "fc.bias"])
def test_a_missing_tensor_is_named_and_never_random(native_folder: FolderMaker, name: str) -> None:
    folder, _ = native_folder("resnet18", args=RESNET)
    state = load_file(folder / "model.safetensors")
    del state[name]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(BackboneError, match=name.replace(".", r"\.")):
        load_backbone(str(folder))


def test_weights_with_another_number_of_classes_than_declared_are_refused(
    native_folder: FolderMaker,
) -> None:
    folder, _ = native_folder("resnet18", args=RESNET)
    config = json.loads((folder / "config.json").read_text())
    config["num_classes"] = 9  # timm would drop the classifier and load leniently
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneError, match="9 classes"):
        load_backbone(str(folder))


def test_truncated_weights_are_refused(native_folder: FolderMaker) -> None:
    folder, _ = native_folder("resnet18", args=RESNET)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BackboneError):
        load_backbone(str(folder))


def test_a_model_without_pretrained_weights_says_so() -> None:
    with pytest.raises(BackboneError, match="no pretrained weights"):
        load_backbone("ghostnet_050")


def test_the_list_begins_with_the_bundled_backbone() -> None:
    names = list_backbones()
    assert names[0] == bundled.NAME
    assert len(names) > 1000
    assert "resnet50.a1_in1k" in names


@pytest.mark.parametrize(
    ("pattern", "found"), [("bund", "bundled"), ("resnet50.a*", "resnet50.a1_in1k")]
)
def test_the_list_can_be_filtered(pattern: str, found: str) -> None:
    assert found in list_backbones(pattern)
    assert len(list_backbones(pattern)) < 20
    assert list_backbones("no such name") == []


def test_importing_a_backbone_does_not_change_the_mode_of_others() -> None:
    backbone = load_backbone("test_resnet", weights="random", size=32)
    assert not any(module.training for module in backbone.modules())
