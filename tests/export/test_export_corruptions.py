"""A saved model that is not what was saved is refused, and the reason names what changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_models import LABELS, save_both, small_network
from torch import Tensor

from graft.backbones.load_text import load_text
from graft.errors import ModelError
from graft.export.checksums import write_checksums
from graft.export.native import load_model, save_model
from graft.heads.build import build_head
from graft.network import Network
from graft.types import Task, output_names
from tests.tiny_texts import write_encoder

SEVERAL = (Task("classification", ("a", "b"), "kind"), Task("regression", (), "age"))
FORMS = ("timm", "separate", "transformers", "pooled", "tasks")
BOTH = ("timm", "transformers")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures natively and with a head of their own, texts the same, and several tasks."""
    root = save_both(tmp_path_factory.mktemp("pristine"))
    encoder = write_encoder(root / "encoder")
    for name, pooling in (("transformers", "cls"), ("pooled", "mean")):
        backbone = load_text(str(encoder), pooling=pooling)
        network = Network(backbone, build_head("linear", backbone.num_features, 3, seed=1))
        save_model(root / name, network.eval(), LABELS, "classification", {})
    network = small_network(root / "source")
    save_model(root / "tasks", network, output_names(SEVERAL), "multi-task", {}, SEVERAL)
    return root


@pytest.fixture
def saved(pristine: Path, tmp_path: Path) -> Path:
    """A copy of all of them, to be spoiled."""
    shutil.copytree(pristine, tmp_path / "saved")
    return tmp_path / "saved"


def edit(path: Path, change: Callable[[Any], object]) -> None:
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")


def edit_tensors(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata=metadata)


class Spoil:
    """Ways to spoil a model's folder."""

    def json(self, name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
        return lambda folder: edit(folder / name, change)

    def weights(
        self, change: Callable[[dict[str, Tensor]], object], name: str = "model.safetensors"
    ) -> Callable[[Path], None]:
        return lambda folder: edit_tensors(folder / name, change)

    def bytes(self, name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            (folder / name).write_bytes(change((folder / name).read_bytes()))

        return spoil

    def without(self, name: str) -> Callable[[Path], None]:
        return lambda folder: (folder / name).unlink()

    def replaced(self, name: str, form: str) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            shutil.copy(folder.parent / form / name, folder / name)

        return spoil

    def added(self, name: str) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            (folder / name).write_text("{}")

        return spoil

    def linked(self, name: str) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            (folder / name).rename(folder.parent / "elsewhere")
            (folder / name).symlink_to(folder.parent / "elsewhere")

        return spoil


spoil = Spoil()


def set_at(*keys: str | int, value: object) -> Callable[[Any], object]:
    def change(fields: Any) -> None:
        for key in keys[:-1]:
            fields = fields[key]
        fields[keys[-1]] = value

    return change


def flip_bit(content: bytes) -> bytes:
    middle = len(content) - 1000
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def halve(tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        tensors[name] = tensor.half() if tensor.is_floating_point() else tensor


def put(name: str, make: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[name] = make(tensors[name]).contiguous()

    return change


def nan_in(tensor: Tensor) -> Tensor:
    tensor.view(-1)[3] = torch.nan
    return tensor


def other_word(vocabulary: dict[str, int]) -> None:
    good, bad = vocabulary["good"], vocabulary["bad"]
    vocabulary["good"], vocabulary["bad"] = bad, good


def pipe(folder: Path) -> None:
    (folder / C).unlink()
    os.mkfifo(folder / C)


def swap_tasks(fields: Any) -> None:
    fields["tasks"].reverse()
    fields["labels"] = ["age", "kind: a", "kind: b"]


W, C, G, T = "model.safetensors", "config.json", "graft.json", "tokenizer.json"
# What is done, to which models, and what the refusal says.
PLANTED: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    # The ten of the contract.
    "swapped-labels": (spoil.json(G, lambda f: f["labels"].reverse()), FORMS, "graft.json.*labels"),
    "wrong-mean": (
        spoil.json(C, set_at("pretrained_cfg", "mean", value=[0.4, 0.5, 0.6])),
        ("timm", "separate", "tasks"),
        r"config.json.*pretrained_cfg\.mean",
    ),
    "missing-head": (
        spoil.weights(lambda t: [t.pop("fc.weight"), t.pop("fc.bias")]),
        ("timm", "tasks"),
        r"model.safetensors.*lacks fc\.bias, fc\.weight",
    ),
    "missing-head-file": (
        spoil.without("head.safetensors"),
        ("separate", "transformers", "pooled"),
        "head.safetensors",
    ),
    "another-template": (
        spoil.json(T, set_at("post_processor", "single", 0, "SpecialToken", "id", value="[SEP]")),
        ("transformers", "pooled"),
        r"tokenizer.json.*post_processor\.single",
    ),
    "bgr": (
        spoil.json(G, set_at("preprocess", "channel_order", value="BGR")),
        ("timm", "separate"),
        r"graft.json.*preprocess\.channel_order",
    ),
    "another-crop": (
        spoil.json(C, set_at("pretrained_cfg", "crop_pct", value=0.5)),
        ("timm", "separate"),
        r"pretrained_cfg\.crop_pct",
    ),
    "truncated-file": (spoil.bytes(W, lambda b: b[:-1000]), FORMS, f"{W}.*1,000 bytes too short"),
    "edited-json": (spoil.json(G, set_at("task", value="regression")), FORMS, "graft.json.*task"),
    "flipped-bit": (spoil.bytes(W, flip_bit), FORMS, f"{W}.*values of .* changed"),
    "wrong-dtype": (spoil.weights(halve), FORMS, f"{W}.*is float16 .* for float32"),
    # And what else happens to folders.
    "native-labels": (
        spoil.json(C, set_at("label_names", value=["bee", "ant", "côté"])),
        ("timm",),
        "config.json.*label_names",
    ),
    "text-labels": (
        spoil.json(C, set_at("id2label", "0", value="bee")),
        ("transformers",),
        r"config.json.*id2label\.0",
    ),
    "std": (
        spoil.json(C, set_at("pretrained_cfg", "std", value=[0.4, 0.5, 0.6])),
        ("timm",),
        r"pretrained_cfg\.std",
    ),
    "interpolation": (
        spoil.json(C, set_at("pretrained_cfg", "interpolation", value="nearest")),
        ("timm",),
        r"pretrained_cfg\.interpolation",
    ),
    "crop-mode": (
        spoil.json(G, set_at("preprocess", "crop_mode", value="squash")),
        ("separate",),
        r"preprocess\.crop_mode",
    ),
    "image-size": (
        spoil.json(C, set_at("pretrained_cfg", "input_size", value=[3, 48, 48])),
        ("timm",),
        r"pretrained_cfg\.input_size",
    ),
    "longest-text": (
        spoil.json(G, set_at("preprocess", "max_length", value=20)),
        ("transformers", "pooled"),
        r"preprocess\.max_length",
    ),
    "pooling": (
        spoil.json(G, set_at("preprocess", "pooling", value="max")),
        ("transformers", "pooled"),
        r"preprocess\.pooling",
    ),
    "pooling-file": (
        spoil.json("1_Pooling/config.json", set_at("pooling_mode_max_tokens", value=True)),
        ("pooled",),
        "1_Pooling/config.json.*pooling_mode_max_tokens",
    ),
    "classes": (spoil.json(C, set_at("num_classes", value=7)), ("timm",), "num_classes"),
    "head-width": (spoil.json(G, set_at("head", "classes", value=7)), BOTH, r"head\.classes"),
    "not-a-number": (
        spoil.weights(put("conv1.0.weight", nan_in)),
        ("timm", "separate"),
        r"not all values are finite in conv1\.0\.weight",
    ),
    "extra-tensor": (
        spoil.weights(lambda t: t.update(more=torch.zeros(2))),
        BOTH,
        "holds more, which the saved one did not",
    ),
    "other-shape": (
        spoil.weights(put("fc.weight", lambda w: w[:2])),
        ("timm",),
        r"fc\.weight is float32 2x\d+ for float32 3x",
    ),
    "alike": (
        spoil.weights(put("fc.bias", lambda b: b + 1e-5)),
        ("timm",),
        r"values of fc\.bias changed",
    ),
    "statistics": (
        spoil.weights(put("bn1.running_mean", lambda m: m + 3)),
        ("timm",),
        r"values of bn1\.running_mean changed",
    ),
    "no-golden": (spoil.without("golden.safetensors"), BOTH, "lacks golden.safetensors"),
    "other-golden": (
        spoil.weights(put("logits", lambda v: v + 1), "golden.safetensors"),
        BOTH,
        "golden.safetensors.*values of logits",
    ),
    "golden-of-another": (
        spoil.replaced("golden.safetensors", "separate"),
        ("timm", "pooled"),
        "golden.safetensors",
    ),
    "weights-of-another": (spoil.replaced(W, "separate"), ("timm", "tasks"), f"{W}.*lacks fc"),
    "description-of-another": (spoil.replaced(G, "separate"), ("timm", "pooled"), "graft.json"),
    "unknown-version": (spoil.json(G, set_at("version", value=99)), BOTH, "version 99"),
    "no-version": (spoil.json(G, lambda f: f.pop("version")), BOTH, "version None"),
    "format": (spoil.json(G, set_at("format", value="onnx")), BOTH, "graft.json.*format"),
    "linked-weights": (spoil.linked(W), BOTH, f"{W}: it is a symbolic link"),
    "linked-folder": (spoil.linked("1_Pooling"), ("pooled",), "1_Pooling.*symbolic link"),
    "linked-checksums": (
        spoil.linked("checksums.json"),
        BOTH,
        "checksums.json cannot be used: it is a symbolic link",
    ),
    "empty-weights": (spoil.bytes(W, lambda _: b""), BOTH, f"{W}: it is empty"),
    "empty-description": (spoil.bytes(G, lambda _: b""), BOTH, "graft.json"),
    "vocabulary": (
        spoil.json(T, lambda f: other_word(f["model"]["vocab"])),
        ("transformers", "pooled"),
        r"tokenizer.json.*model\.vocab",
    ),
    "tokenizer-settings": (
        spoil.json("tokenizer_config.json", set_at("model_max_length", value=8)),
        ("transformers", "pooled"),
        "tokenizer_config.json.*model_max_length",
    ),
    "tasks-order": (spoil.json(G, swap_tasks), ("tasks",), "graft.json.*(labels|tasks)"),
    "task-kind": (
        spoil.json(G, set_at("tasks", 0, "kind", value="multi-label")),
        ("tasks",),
        "graft.json.*tasks",
    ),
    "threshold": (spoil.json(G, set_at("threshold", value=0.9)), BOTH, "graft.json.*threshold"),
    "killed-save": (spoil.without("checksums.json"), BOTH, "lacks checksums.json"),
    "checksums": (
        spoil.json("checksums.json", set_at("files", W, "sha256", value="0" * 64)),
        BOTH,
        "checksums.json.*was changed",
    ),
    "loader": (
        spoil.bytes("load.py", lambda b: b"import os\n" + b),
        ("separate", "pooled"),
        "load.py",
    ),
    "adapter": (
        spoil.added("adapter_config.json"),
        BOTH,
        "adapter_config.json.*saved without it",
    ),
    "older-weights": (
        spoil.added("pytorch_model.bin"),
        ("timm", "transformers"),
        "pytorch_model.bin",
    ),
    "nonsense": (spoil.bytes(G, lambda _: b"{"), BOTH, "graft.json cannot be read"),
    "deep-nonsense": (
        spoil.bytes(G, lambda _: b'{"a":' * 100_000),
        BOTH,
        "graft.json cannot be read.*nested too deeply",
    ),
    "a-pipe": (
        pipe,
        ("timm",),
        "config.json",
    ),
}
CASES = [(name, form) for name, (_, forms, _) in PLANTED.items() for form in forms]


@pytest.mark.parametrize("form", FORMS)
def test_what_nobody_touched_opens(saved: Path, form: str) -> None:
    assert load_model(saved / form).score.agrees
    (saved / form / "README.md").write_text("Notes.")  # people's own
    (saved / form / "model.onnx").write_bytes(b"x")
    assert load_model(saved / form).score.difference < 1e-5


@pytest.mark.parametrize(("name", "form"), CASES, ids=lambda value: value)
def test_a_corrupted_model_is_refused_with_the_reason(saved: Path, name: str, form: str) -> None:
    spoil_it, _, reason = PLANTED[name]
    spoil_it(saved / form)
    with pytest.raises(ModelError, match=reason) as caught:
        load_model(saved / form)
    assert caught.value.next


# With checksums taken anew, as of a folder that somebody put together: what the golden inputs and
# the checks of contents find by themselves.
RESEALED = {
    "swapped-labels": "labels in|output 0 was 'ant' and is now 'côté'",
    "edited-json": "task were classification and are now regression",
    "task-kind": "labels in|its tasks were|described",
    "wrong-mean": "preprocessing in .*config.json",
    "missing-head": "do not open.*fc.weight",
    "missing-head-file": "head.safetensors",
    "another-template": "tokenizer",
    "bgr": "does not answer|head",
    "another-crop": "preprocessing in .*config.json",
    "wrong-dtype": r"another type: .* \(F16\)",
    "native-labels": "labels in",
    "text-labels": "labels in",
    "std": "preprocessing in .*config.json",
    "interpolation": "preprocessing in .*config.json",
    "crop-mode": "preprocessing in .*config.json",
    "format": "format 'onnx'",
    "image-size": "preprocessing in .*config.json",
    "longest-text": "does not answer",
    "pooling": "does not answer",
    "classes": "do not open|differ",
    "head-width": "head in",
    "not-a-number": "no finite numbers: .*conv1.0.weight",
    "extra-tensor": "do not open",
    "other-shape": "do not open",
    "statistics": "does not answer",
    "other-golden": "does not answer",
    "weights-of-another": "do not open|head",
    "vocabulary": "tokenizer",
    "tasks-order": "labels in|output 0 was",
}


@pytest.mark.parametrize("name", RESEALED)
def test_checksums_taken_anew_do_not_help(saved: Path, name: str) -> None:
    spoil_it, forms, _ = PLANTED[name]
    folder = saved / forms[0]
    spoil_it(folder)
    write_checksums(folder)
    with pytest.raises(ModelError, match=RESEALED[name]):
        load_model(folder)


@pytest.mark.parametrize("form", ["separate", "pooled"])
def test_labels_that_moved_alone_are_told_by_the_golden_inputs(saved: Path, form: str) -> None:
    edit(saved / form / G, lambda fields: fields["labels"].reverse())
    write_checksums(saved / form)
    with pytest.raises(ModelError, match="output 0 was 'ant' and is now 'côté'"):
        load_model(saved / form)


@pytest.mark.parametrize("form", FORMS)
def test_no_bit_of_any_file_may_change(saved: Path, form: str) -> None:
    """A hundred bits anywhere, then a byte less and a byte more of every file."""
    random = np.random.default_rng(0)
    files = [p for p in sorted((saved / form).rglob("*")) if p.is_file() and p.name != "README.md"]
    contents = {path: path.read_bytes() for path in files}
    places = [
        (files[i], int(place)) for i, place in random.integers(0, [len(files), 2**31], (99, 2))
    ]
    for path, place in places:
        spoilt = bytearray(contents[path])
        spoilt[place % len(spoilt)] ^= 1 << int(random.integers(8))
        refused(saved / form, path, bytes(spoilt))
        path.write_bytes(contents[path])
    for path, content in contents.items():
        refused(saved / form, path, content[:-2])
        if path.name != "checksums.json":  # whose end may be blank
            refused(saved / form, path, content + b" ")
        path.write_bytes(content)
    assert load_model(saved / form).score.agrees


def refused(folder: Path, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=path.name):
        load_model(folder)


def test_a_refusal_says_by_how_much_the_answers_moved(saved: Path) -> None:
    edit_tensors(saved / "timm" / W, put("fc.weight", lambda w: w[[1, 0, 2]]))
    write_checksums(saved / "timm")
    with pytest.raises(ModelError, match=r"logits moved by \d.*allowed is 0\.00\d"):
        load_model(saved / "timm")


@pytest.mark.parametrize(
    "name", ["../graft.json", "/etc/hosts", "a/../../b", "", ".", "a\0b", "./graft.json"]
)
def test_checksums_look_at_nothing_outside_the_folder(saved: Path, name: str) -> None:
    from graft.export import checksums

    path = saved / "timm" / "checksums.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields.pop("seal")
    fields["files"][name] = {"bytes": 1, "sha256": "", "parts": {}}
    path.write_text(json.dumps({**fields, "seal": checksums._seal(fields)}), encoding="utf-8")
    with pytest.raises(ModelError, match="no file of the folder"):
        load_model(saved / "timm")
