"""Weight files: several namings, no pickled code, no tensor left out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from graft.backbones.load import load_backbone
from graft.backbones.weights_file import read_weights
from graft.errors import BackboneError

State = dict[str, Tensor]


def lively(model: nn.Module) -> nn.Module:
    """Random normalisation statistics, so that a wrong one shows."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.3)
    return model.eval()


def assert_equal_features(theirs: nn.Module, name: str, path: Path) -> None:
    """torchvision's last linear layer is removed; the rest must compute what graft loads."""
    holder = theirs.fc if hasattr(theirs, "fc") else theirs.classifier[-1]  # type: ignore[index]
    assert isinstance(holder, nn.Linear)
    if hasattr(theirs, "fc"):
        theirs.fc = nn.Identity()
    else:
        theirs.classifier[-1] = nn.Identity()  # type: ignore[operator, assignment]
    backbone = load_backbone(name, weights=str(path), size=96)
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected, found = theirs(images), backbone(images)
    assert backbone.num_features == holder.in_features
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


TORCHVISION = [
    ("resnet18", "resnet18"),
    ("resnet50", "resnet50"),
    ("mobilenet_v2", "mobilenetv2_100"),
    ("mobilenet_v3_small", "mobilenetv3_small_100"),
    ("mobilenet_v3_large", "mobilenetv3_large_100"),
]
VGGS = [(name, name) for name in ("vgg11", "vgg11_bn", "vgg16")]  # half a GB each


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [*TORCHVISION, *(pytest.param(*pair, marks=pytest.mark.long) for pair in VGGS)],
)
def test_torchvision_files_give_torchvision_features(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    torch.manual_seed(0)
    model = lively(getattr(torchvision.models, theirs)(weights=None))
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    assert_equal_features(model, ours, tmp_path / "weights.pth")


def test_what_torchvision_does_differently_stands_in_the_config(tmp_path: Path) -> None:
    model = torchvision.models.mobilenet_v3_small(weights=None)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    name = "mobilenetv3_small_100"
    backbone = load_backbone(name, weights=str(tmp_path / "weights.pth"), size=32)
    assert backbone.config["model_args"] == {"bn_eps": 1e-3}
    assert load_backbone(name, weights="random", size=32).config["model_args"] == {}


def resnet_state() -> State:
    return dict(load_backbone("test_resnet", weights="random", seed=9).model.state_dict())


def wrapped(key: str) -> Callable[[State], object]:
    return lambda state: {key: state, "epoch": 3}


def prefixed(prefix: str) -> Callable[[State], object]:
    return lambda state: {f"{prefix}{name}": tensor for name, tensor in state.items()}


def with_classifier(state: State) -> object:
    return {**state, "fc.weight": torch.zeros(7, 256), "fc.bias": torch.zeros(7)}


def without_counters(state: State) -> object:
    return {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}


@pytest.mark.parametrize(
    "form",
    [
        lambda state: state,
        *(wrapped(key) for key in ("state_dict", "model")),
        *(prefixed(prefix) for prefix in ("module.", "_orig_mod.", "_orig_mod.module.")),
        with_classifier,
        without_counters,
        lambda state: wrapped("state_dict")(dict(prefixed("module.")(state))),  # type: ignore[call-overload]
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_common_forms_are_understood(
    tmp_path: Path, form: Callable[[State], object], suffix: str
) -> None:
    state = resnet_state()
    path = tmp_path / f"weights{suffix}"
    torch.save(form(state), path)
    loaded = load_backbone("test_resnet", weights=str(path))
    assert loaded.origin == str(path)
    found = loaded.model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_safetensors_are_understood(tmp_path: Path) -> None:
    state = resnet_state()
    save_file(state, tmp_path / "weights.safetensors")
    found = load_backbone("test_resnet", weights=str(tmp_path / "weights.safetensors"))
    assert torch.equal(found.model.state_dict()["bn1.weight"], state["bn1.weight"])


def test_position_embeddings_of_another_size_are_resampled(tmp_path: Path) -> None:
    save_file(dict(load_backbone("test_vit", weights="random").model.state_dict()), tmp_path / "w")
    path = (tmp_path / "w").rename(tmp_path / "w.safetensors")
    backbone = load_backbone("test_vit", weights=str(path), size=32)
    assert backbone(torch.zeros(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: {n: t for n, t in s.items() if n != "bn1.bias"}, "missing: bn1.bias"),
        (lambda s: {**s, "extra.weight": torch.zeros(1)}, "unexpected: extra.weight"),
        (lambda s: {**s, "bn1.bias": torch.zeros(3)}, r"another shape: bn1.bias \(3,\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[State], State], named: str
) -> None:
    torch.save(change(resnet_state()), tmp_path / "weights.pth")
    with pytest.raises(BackboneError, match=named):
        load_backbone("test_resnet", weights=str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("name", ["test_vit", "mobilenetv2_100", "test_efficientnet"])
def test_weights_of_another_architecture_are_refused(tmp_path: Path, name: str) -> None:
    torch.save(resnet_state(), tmp_path / "weights.pth")
    with pytest.raises(BackboneError, match=f"do not fit '{name}'"):
        load_backbone(name, weights=str(tmp_path / "weights.pth"))


class Opaque:
    """An object that only unpickling its code would bring back."""


@pytest.mark.parametrize("content", [Opaque(), {"state_dict": Opaque()}, nn.Linear(2, 2)])
def test_a_file_that_needs_code_to_be_run_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(BackboneError) as caught:
        load_backbone("test_resnet", weights=str(tmp_path / "weights.pth"))
    assert "would run code" in caught.value.found
    assert "save_file" in caught.value.next


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04"])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(BackboneError, match=r"cannot be read|refused"):
        read_weights(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"state_dict": 5}, torch.zeros(3)])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(BackboneError, match="holds"):
        read_weights(tmp_path / "weights.pth")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(BackboneError, match="no weights file 'pretraned'"):
        load_backbone("test_resnet", weights="pretraned")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"")
    with pytest.raises(BackboneError, match=r"\.npz"):
        read_weights(tmp_path / "weights.npz")


def test_an_archive_that_unpacks_to_many_times_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**22))
    with pytest.raises(BackboneError, match="unpacks to 4,194,304 bytes"):
        read_weights(path)
