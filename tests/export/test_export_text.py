"""Saved text models: opened by transformers alone, or with the generated load.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graft.backbones.collate import collated
from graft.backbones.load_text import load_text
from graft.backbones.text import TextBackbone
from graft.data.texts import Text
from graft.errors import ModelError
from graft.export.native import load_model, save_model
from graft.heads.build import build_head
from graft.network import Network
from tests.tiny_texts import ENCODERS

Tiny = Callable[..., Path]
LABELS = ("dull", "fine", "très bon")
TEXTS = [Text("good film", "0"), Text("the plot was very dull and the cast was not good", "1")]
# Only ModernBERT's classifier normalises between the first token and the logits.
SEPARATE = {"modernbert"}


def network_of(folder: Path, pooling: str | None = None, long: str = "truncate") -> Network:
    backbone = load_text(str(folder), pooling=pooling, long=long)
    return Network(backbone, build_head("linear", backbone.num_features, 3, seed=1)).eval()


def logits_of(network: Network, texts: list[Text]) -> torch.Tensor:
    assert isinstance(network.backbone, TextBackbone)
    with torch.no_grad():
        logits: torch.Tensor = network(collated(texts, network.backbone))
    return logits


@pytest.mark.parametrize("name", ENCODERS)
def test_transformers_opens_a_model_on_the_first_token(
    name: str, tmp_path: Path, tiny_encoder: Tiny
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = network_of(tiny_encoder(name))
    saved = save_model(tmp_path / "m", network, LABELS, "classification", {})
    assert saved.format == ("backbone+head" if name in SEPARATE else "transformers")
    expected = logits_of(network, TEXTS)
    loaded = load_model(tmp_path / "m")
    assert loaded.labels == LABELS
    assert torch.allclose(logits_of(loaded.network, TEXTS), expected, atol=1e-5)
    if name in SEPARATE:
        return
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "m").eval()
    taken = {"input_ids", "attention_mask"}
    for text, row in zip(TEXTS, expected, strict=True):
        tokens = tokenizer(text.content, return_tensors="pt")
        with torch.no_grad():
            found = model(**{key: tokens[key] for key in taken}).logits[0]
        assert torch.allclose(found, row, atol=2e-4, rtol=1e-3)
    assert [model.config.id2label[number] for number in range(3)] == [*LABELS]


SCRIPT = """
import json, sys
sys.modules["graft"] = None  # importing it fails
sys.path.insert(0, sys.argv[1])
from load import labels, load, preprocess
logits = load()(preprocess(json.loads(sys.argv[2])))
print(json.dumps({"labels": labels(), "logits": logits.tolist()}))
"""


def test_pooled_models_open_without_graft(tmp_path: Path, tiny_encoder: Tiny) -> None:
    network = network_of(tiny_encoder("bert"), pooling="unit-mean", long="chunks")
    saved = save_model(tmp_path / "m", network, LABELS, "classification", {})
    assert saved.format == "backbone+head"
    texts = [*TEXTS, Text("good " * 90, "2"), Text("a film", "3", "a book")]
    asked = json.dumps([t.content if t.second is None else [t.content, t.second] for t in texts])
    command = [sys.executable, "-I", "-X", "utf8", "-c", SCRIPT, str(tmp_path / "m"), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["labels"] == [*LABELS]
    assert torch.allclose(torch.tensor(found["logits"]), logits_of(network, texts), atol=1e-4)


def test_a_changed_tokenizer_is_refused(tmp_path: Path, tiny_encoder: Tiny) -> None:
    save_model(tmp_path / "m", network_of(tiny_encoder("bert")), LABELS, "classification", {})
    path = tmp_path / "m" / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace('"good"', '"goood"'), encoding="utf-8")
    with pytest.raises(ModelError, match="tokenizer"):
        load_model(tmp_path / "m")
