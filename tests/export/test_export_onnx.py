"""Models as ONNX files: they answer as PyTorch does and describe themselves, or are not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import LABELS, small_network

from graft.backbones.collate import collated
from graft.backbones.load_text import load_text
from graft.backbones.text import TextBackbone
from graft.data.texts import Text
from graft.engines import onnx
from graft.errors import ModelError, OutputError, UserError
from graft.export import onnx_export
from graft.export.onnx_export import export_onnx
from graft.heads.build import build_head
from graft.network import Network
from graft.types import FloatArray, Task, output_names
from tests.tiny_texts import ENCODERS

ROOT = Path(__file__).parents[2]
needs_onnx = pytest.mark.skipif(not onnx.installed(), reason="ONNX is an extra")
Tiny = Callable[..., Path]
CLASSES = (Task(labels=tuple(LABELS)),)
SEVERAL = (
    Task("classification", ("a", "b"), "kind"),
    Task("regression", (), "age"),
    Task("multi-label", ("x", "y"), "tags"),
)
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {"channels": [8, 16, 24, 32]}),
    ("mobilenetv3_small_050", {}),
    ("vgg11_bn", {"mlp_ratio": 0.01}),
    ("test_vit", {"img_size": 32}),
    ("test_convnext", {}),
    ("test_efficientnet", {}),
    ("deit_tiny_distilled_patch16_224", {"img_size": 32}),
    ("test_nfnet", {}),
]


def text_network(folder: Path, head: str = "linear", outputs: int = 3, **settings: Any) -> Network:
    backbone = load_text(str(folder), **settings)
    return Network(backbone, build_head(head, backbone.num_features, outputs, seed=1)).eval()


def exported(network: Network, file: Path, tasks: tuple[Task, ...] = CLASSES) -> onnx.Graph:
    kind = tasks[0].kind if len(tasks) == 1 else "multi-task"
    done = export_onnx(file, network, output_names(tasks), kind, tasks)
    assert done.file == file
    assert done.size == file.stat().st_size
    assert done.golden.agrees
    assert done.random.agrees
    return onnx.open_graph(file.read_bytes())


def answers_alike(graph: onnx.Graph, network: Network, pixels: torch.Tensor) -> None:
    with torch.no_grad():
        expected = network(pixels).numpy()
    np.testing.assert_allclose(graph({"pixels": pixels.numpy()}), expected, rtol=0, atol=2e-5)


def alone(file: Path, *inputs: str) -> list[Any]:
    """What the example prints of inputs, in a process that can import neither graft nor torch."""
    blocked = "import sys; sys.modules['graft'] = sys.modules['torch'] = None"
    script = f"{blocked}; sys.path.insert(0, sys.argv[1]); import onnx_alone as example; "
    script += "example.main(sys.argv[2], sys.argv[3:])"
    command = [sys.executable, "-X", "utf8", "-c", script, str(ROOT / "examples"), str(file)]
    done = subprocess.run([*command, *inputs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = zip(inputs, done.stdout.splitlines(), strict=True)
    return [json.loads(line.removeprefix(f"{name} ")) for name, line in lines]


@needs_onnx
def test_pictures_in_batches_of_any_size(tmp_path: Path) -> None:
    network = small_network(tmp_path / "source", cfg={"crop_pct": 0.9})
    graph = exported(network, tmp_path / "m.onnx")
    for rows in (1, 2, 9):
        answers_alike(graph, network, torch.randn(rows, 3, 32, 32))
    assert graph.shapes() == {"pixels": ["batch", 3, 32, 32], "logits": ["batch", 3]}
    told = graph.metadata()
    assert json.loads(told["labels"]) == LABELS
    assert json.loads(told["preprocess"]) == network.backbone.spec.to_dict()
    assert json.loads(told["tasks"])[0]["activation"] == "softmax"
    assert len(json.loads(told["golden"])["logits"]) == 4
    assert str(ROOT).encode() not in (tmp_path / "m.onnx").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name not in ("source", "m.onnx")]


@needs_onnx
def test_several_tasks_of_long_texts_answer_without_graft(
    tmp_path: Path, tiny_encoder: Tiny
) -> None:
    network = text_network(tiny_encoder("bert"), "mlp:7", 5, pooling="unit-mean", long="chunks")
    graph = exported(network, tmp_path / "m.onnx", SEVERAL)
    assert graph.shapes()["input_ids"] == ["batch", "tokens"]
    assert graph.shapes()["pieces"] == ["texts", "batch"]
    texts = ["good film", "the plot was very dull " * 30]
    assert isinstance(network.backbone, TextBackbone)
    with torch.no_grad():
        inputs = collated([Text(text, "") for text in texts], network.backbone)
        expected = network(inputs).numpy()
    for told, row in zip(alone(tmp_path / "m.onnx", *texts), expected, strict=True):
        assert list(told) == ["kind", "age", "tags"]
        assert list(told["kind"]) == ["ab"[int(row[:2].argmax())]]
        assert told["age"] == pytest.approx(float(row[2]), rel=1e-4)
        assert set(told["tags"]) == {
            n for n, value in zip("xy", row[3:], strict=True) if value >= 0
        }


@needs_onnx
@pytest.mark.long
@pytest.mark.parametrize(
    "cfg",
    [
        {"crop_mode": "border", "mean": [0.2, 0.4, 0.6]},
        {"crop_mode": "squash", "interpolation": "bilinear"},
        {"input_size": [3, 40, 32], "crop_pct": 0.875},
        {"input_size": [1, 32, 32], "mean": [0.5], "std": [0.25]},
    ],
    ids=["border", "squash", "oblong", "grey"],
)
def test_every_preprocessing_is_repeated_without_graft(
    tmp_path: Path, photos: Path, cfg: dict[str, Any]
) -> None:
    """The example refuses a file whose golden pictures give other logits."""
    network = small_network(tmp_path / "source", cfg=cfg)
    exported(network, tmp_path / "m.onnx")
    pictures = [str(path) for path in sorted(photos.rglob("*.png"))[:2]]
    assert len(alone(tmp_path / "m.onnx", *pictures)) == 2


@needs_onnx
@pytest.mark.long
@pytest.mark.parametrize(("architecture", "args"), FAMILIES, ids=lambda value: str(value)[:16])
@pytest.mark.parametrize("head", ["linear", "mlp:9"])
def test_families_of_pictures(
    tmp_path: Path, architecture: str, args: dict[str, Any], head: str
) -> None:
    network = small_network(tmp_path / "source", architecture, args, head=head)
    graph = exported(network, tmp_path / "m.onnx")
    for rows in (1, 5):
        answers_alike(graph, network, torch.randn(rows, 3, 32, 32))


@needs_onnx
@pytest.mark.long
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(
    ("pooling", "long"), [("cls", "truncate"), ("mean", "head-tail"), ("max", "chunks")]
)
def test_families_of_texts(
    tmp_path: Path, tiny_encoder: Tiny, name: str, pooling: str, long: str
) -> None:
    network = text_network(tiny_encoder(name), pooling=pooling, long=long)
    exported(network, tmp_path / "m.onnx")
    assert len(alone(tmp_path / "m.onnx", "good film", "a film " * 60)) == 2


class Answering:
    """A runtime that answers as PyTorch does, but moved."""

    def __init__(self, network: Network, move: Callable[[Any], Any]) -> None:
        self.network, self.move = network, move

    def __call__(self, feed: dict[str, FloatArray]) -> Any:
        with torch.no_grad():
            return self.move(self.network(torch.from_numpy(feed["pixels"])).numpy())


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (lambda outputs: outputs * 1.01, "logits differ"),
        (lambda outputs: outputs[:, ::-1].copy(), "most probable class differs in [1-9]"),
        (lambda outputs: outputs[:-1], "logits for"),
        (lambda outputs: outputs * np.nan, "differ by inf"),
    ],
    ids=["moved", "another-class", "a-row-less", "no-numbers"],
)
def test_an_export_that_answers_differently_leaves_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    move: Callable[[Any], Any],
    reason: str,
) -> None:
    network = small_network(tmp_path / "source")
    monkeypatch.setattr(onnx, "missing", list)
    monkeypatch.setattr(onnx, "write_graph", lambda *_: b"")
    monkeypatch.setattr(onnx, "open_graph", lambda _: Answering(network, move))
    monkeypatch.setattr(onnx_export, "_check_metadata", lambda *_: None)
    with pytest.raises(ModelError, match=reason):
        export_onnx(tmp_path / "m.onnx", network, LABELS, "classification", CLASSES)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("name", ["model.txt", "model", "folder.onnx"])
def test_the_file_is_named_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(onnx, "missing", list)
    (tmp_path / "folder.onnx").mkdir()
    network = small_network(tmp_path / "source")
    with pytest.raises(OutputError, match=name):
        export_onnx(tmp_path / name, network, LABELS, "classification", CLASSES)


def test_a_missing_extra_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "missing", lambda: ["onnxscript"])
    network = small_network(tmp_path / "source")
    with pytest.raises(UserError, match=r"onnxscript(.|\n)*pip install 'graft-learn\[onnx\]'"):
        export_onnx(tmp_path / "m.onnx", network, LABELS, "classification", CLASSES)


def test_what_one_file_cannot_hold_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "missing", list)
    monkeypatch.setattr(onnx_export, "MOST_BYTES", 1000)
    network = small_network(tmp_path / "source")
    with pytest.raises(ModelError, match="more than one ONNX file can hold"):
        export_onnx(tmp_path / "m.onnx", network, LABELS, "classification", CLASSES)
