"""Folders and files of weights that somebody else made: refused with a reason, and nothing runs."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from graft.backbones.load import load_backbone
from graft.errors import BackboneError
from tests.timm_folders import make_folder

Tiny = Callable[..., Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("made"), "test_resnet")[0]


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """timm's folder of a small network, to be spoiled."""
    return Path(shutil.copytree(made, tmp_path / "folder"))


@pytest.fixture
def encoder(tiny_encoder: Tiny, tmp_path: Path) -> Path:
    """transformers' folder of a small encoder, to be spoiled."""
    return Path(shutil.copytree(tiny_encoder("bert"), tmp_path / "encoder"))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")


def edit_tensors(path: Path, name: str, make: Callable[[Tensor], Tensor]) -> None:
    tensors = load_file(path)
    tensors[name] = make(tensors[name]).contiguous()
    save_file(tensors, path, metadata={"format": "pt"})


def nan_in(tensor: Tensor) -> Tensor:
    tensor.view(-1)[0] = torch.nan
    return tensor


def whole(tensor: Tensor) -> Tensor:
    return (tensor * 100).to(torch.int32)


def test_weights_that_are_no_numbers_are_named(folder: Path) -> None:
    edit_tensors(folder / "model.safetensors", "conv1.0.weight", nan_in)
    with pytest.raises(BackboneError, match=r"no finite numbers: conv1\.0\.weight"):
        load_backbone(str(folder))
    with pytest.raises(BackboneError, match=r"no finite numbers: conv1\.0\.weight"):
        load_backbone("test_resnet", weights=str(folder / "model.safetensors"))


def test_texts_weights_that_are_no_numbers_are_named(encoder: Path) -> None:
    name = "embeddings.word_embeddings.weight"
    edit_tensors(encoder / "model.safetensors", name, nan_in)
    with pytest.raises(BackboneError, match=f"no finite numbers: {name}"):
        load_backbone(str(encoder))


def test_whole_numbers_are_not_rounded_into_weights(folder: Path) -> None:
    edit_tensors(folder / "model.safetensors", "conv1.0.weight", whole)
    with pytest.raises(BackboneError, match=r"whole numbers .*conv1\.0\.weight \(I32\)"):
        load_backbone(str(folder))
    with pytest.raises(BackboneError, match=r"another type: conv1\.0\.weight int32"):
        load_backbone("test_resnet", weights=str(folder / "model.safetensors"))


def test_half_precision_is_widened(folder: Path) -> None:
    edit_tensors(folder / "model.safetensors", "conv1.0.weight", Tensor.half)
    assert next(load_backbone(str(folder)).parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.update(model_args={"checkpoint_path": "other.pth"}), "checkpoint_path"),
        (lambda f: f.update(model_args={"cache_dir": "."}), "cache_dir"),
        (lambda f: f.update(model_args=[1]), "model_args"),
        (lambda f: f.update(pretrained_cfg="x"), "pretrained_cfg"),
        (lambda f: f.update(architecture="os.system"), "architecture 'os.system'"),
        (lambda f: f.update(model_args={"channels": "many"}), "cannot be built"),
        (lambda f: f.update(model_args={"channels": [0, 0, 0, 0]}), "cannot be built"),
        (lambda f: f.update(model_args={"layers": [9999] * 4}), "absurd number under layers"),
        (lambda f: f.update(model_args={"a": {"b": [2**40]}}), "absurd number under b"),
    ],
    ids=["checkpoint", "cache", "list", "text", "code", "words", "nothing", "deep", "wide"],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    edit(folder / "config.json", change)
    with pytest.raises(BackboneError, match=reason):
        load_backbone(str(folder))


def test_a_model_far_beyond_its_weights_is_not_made(folder: Path) -> None:
    edit(folder / "config.json", lambda f: f.update(model_args={"channels": [200_000] * 4}))
    begun = time.process_time()
    with pytest.raises(BackboneError, match=r"describes a model of \d+\.\d GB"):
        load_backbone(str(folder))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"a":' * 50_000, b"\xff\xfe", b'{"architecture": ' + b"9" * 5000 + b"}"],
    ids=["empty", "half", "list", "deep", "bytes", "number"],
)
def test_nonsense_for_a_configuration_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(BackboneError, match=r"config\.json"):
        load_backbone(str(folder))


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 8, b"\0" * 64, (2**40).to_bytes(8, "little") + b"{}", b"\x80\x04."],
    ids=["empty", "endless", "zeros", "large", "pickle"],
)
def test_nonsense_for_weights_is_refused(folder: Path, encoder: Path, content: bytes) -> None:
    for place in (folder, encoder):
        (place / "model.safetensors").write_bytes(content)
        with pytest.raises(BackboneError):
            load_backbone(str(place))


# Texts.

CODE = "from pathlib import Path\nPath({marker!r}).touch()\nclass Model: ...\nclass Config: ...\n"


def with_code(encoder: Path, marker: Path) -> Path:
    (encoder / "code.py").write_text(CODE.format(marker=str(marker)), encoding="utf-8")
    return encoder


@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_code_of_a_checkpoint_is_never_run(encoder: Path, tmp_path: Path, weights: str) -> None:
    with_code(encoder, tmp_path / "ran")
    own = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    edit(encoder / "config.json", lambda f: f.update(model_type="mine", auto_map=own))
    with pytest.raises(BackboneError, match="trust_remote_code is off") as caught:
        load_backbone(str(encoder), weights=weights)
    assert "trust_remote_code=True" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_code_of_a_tokenizer_is_never_run(encoder: Path, tmp_path: Path) -> None:
    with_code(encoder, tmp_path / "ran")
    own = {"AutoTokenizer": ["code.Model", None]}
    edit(
        encoder / "tokenizer_config.json", lambda f: f.update(tokenizer_class="Mine", auto_map=own)
    )
    with contextlib.suppress(BackboneError):  # its vocabulary alone may do
        load_backbone(str(encoder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a":' * 50_000, b"\xff\xfe"])
def test_nonsense_in_an_encoders_folder_is_refused(
    encoder: Path, name: str, content: bytes
) -> None:
    (encoder / name).write_bytes(content)
    with pytest.raises(BackboneError):
        load_backbone(str(encoder))


def test_nonsense_for_pooling_is_not_passed_over(encoder: Path) -> None:
    (encoder / "1_Pooling").mkdir()
    (encoder / "1_Pooling" / "config.json").write_text("{")
    with pytest.raises(BackboneError, match="1_Pooling"):
        load_backbone(str(encoder))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("hidden_size", "describes a model of"),
        ("vocab_size", "describes a model of"),
        ("intermediate_size", "describes a model of"),
        ("num_hidden_layers", "num_hidden_layers is 16777216"),
    ],
)
def test_an_encoder_far_beyond_its_weights_is_not_made(
    encoder: Path, key: str, reason: str
) -> None:
    edit(encoder / "config.json", lambda f: f.update({key: 2**24}))
    begun = time.process_time()
    with pytest.raises(BackboneError, match=reason):
        load_backbone(str(encoder))
    assert time.process_time() - begun < 5


def test_an_encoder_of_other_shapes_than_its_weights_is_refused(encoder: Path) -> None:
    edit(encoder / "config.json", lambda f: f.update(intermediate_size=25))
    with pytest.raises(BackboneError, match=r"other shapes than its config\.json describes"):
        load_backbone(str(encoder))
