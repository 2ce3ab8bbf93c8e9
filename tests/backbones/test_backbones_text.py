"""Text encoders: every layer is a place to cut, and padding changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from graft.backbones.blocks import tensor_names
from graft.backbones.load import load_backbone, modality_of
from graft.backbones.load_text import load_text
from graft.backbones.text import PADDING, POOLING, TextBackbone
from graft.errors import BackboneError, UnknownNameError
from graft.heads.build import build_head
from graft.network import Network
from graft.plan import Plan, apply
from tests.tiny_texts import ENCODERS, WORDS

Tiny = Callable[..., Path]


def tokens_of(backbone: TextBackbone, *texts: str) -> Tensor:
    rows, _ = backbone.tokenizer.pack(texts, [None] * len(texts), backbone.spec)
    packed = torch.full((len(rows), max(map(len, rows))), PADDING)
    for number, row in enumerate(rows):
        packed[number, : len(row)] = torch.from_numpy(row)
    return packed


TEXTS = ("good film", "the plot was very very dull and the cast was not good", "a book")


@pytest.mark.parametrize("name", ENCODERS)
def test_suffix_of_prefix_is_the_model_at_every_depth(name: str, tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder(name)))
    network = Network(backbone, build_head("linear", backbone.num_features, 3)).eval()
    tokens = tokens_of(backbone, *TEXTS)
    with torch.no_grad():
        whole = network(tokens)
        for depth in range(len(backbone.blocks) + 1):
            parts = network.split(depth)
            joined = parts.suffix(parts.prefix(tokens))
            assert torch.allclose(joined, whole, atol=1e-5), depth


@pytest.mark.parametrize("name", ENCODERS)
def test_every_tensor_is_in_one_block(name: str, tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder(name)))
    listed = [tensor for block in backbone.blocks for tensor in block.tensors]
    assert sorted(listed) == sorted(tensor_names(backbone.model))
    assert backbone.blocks[0].name == "embeddings"
    assert len(backbone.blocks) == 4


@pytest.mark.parametrize("name", ["bert", "modernbert", "mpnet"])
def test_gradients_reach_the_unfrozen_layers_alone(name: str, tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder(name)))
    network = Network(backbone, build_head("linear", backbone.num_features, 3)).eval()
    apply(Plan.top([block.name for block in backbone.blocks], 2), network)
    parts = network.split(2)
    parts.suffix(parts.prefix(tokens_of(backbone, *TEXTS))).sum().backward()
    named = dict(backbone.model.named_parameters())
    moved = [
        block.name
        for block in backbone.blocks
        if any(named[t].grad is not None for t in block.tensors if t in named)
    ]
    assert moved == [block.name for block in backbone.blocks[2:]]


@pytest.mark.parametrize("pooling", POOLING)
def test_padding_changes_no_feature(pooling: str, tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")), pooling=pooling)
    short = tokens_of(backbone, TEXTS[0])
    padded = torch.cat([short, torch.full((1, 9), PADDING)], dim=1)
    with torch.no_grad():
        assert torch.allclose(backbone(short), backbone(padded), atol=1e-5)
        hidden = backbone.hidden(short)
        expected = {"mean": hidden.mean(1), "cls": hidden[:, 0], "max": hidden.amax(1)}
        expected["unit-mean"] = functional.normalize(expected["mean"], dim=1)
        assert torch.allclose(backbone(short), expected[pooling], atol=1e-6)


def test_chunks_are_averaged_and_can_be_cut(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")), size=8, long="chunks")
    words = list(WORDS[:10])
    both = tokens_of(backbone, " ".join(words), "good film")
    assert both.shape == (2, 16)
    with torch.no_grad():
        first, second = (tokens_of(backbone, " ".join(part)) for part in (words[:6], words[6:]))
        expected = (backbone(first) + backbone(second)) / 2
        assert torch.allclose(backbone(both)[:1], expected, atol=1e-5)
        assert torch.allclose(backbone(both)[1:], backbone(tokens_of(backbone, "good film")))
        network = Network(backbone, build_head("linear", backbone.num_features, 2)).eval()
        parts = network.split(2)
        assert torch.allclose(parts.suffix(parts.prefix(both)), network(both), atol=1e-5)


def test_the_checkpoint_says_how_it_is_pooled_and_how_much_it_takes(
    tmp_path: Path, tiny_encoder: Tiny
) -> None:
    import shutil

    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "st")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    spec = load_text(str(folder)).spec
    assert (spec.pooling, spec.max_length) == ("mean", 20)
    steps = [{"type": f"sentence_transformers.models.{kind}"} for kind in ("Pooling", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(steps))
    trained = load_text(str(folder))
    assert trained.spec.pooling == "unit-mean"
    features = trained(tokens_of(trained, "good film", "a bad one"))
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    mean = load_text(str(folder), pooling="mean")
    expected = functional.normalize(mean(tokens_of(mean, "good film", "a bad one")), dim=1)
    torch.testing.assert_close(features, expected)
    plain = load_text(str(tiny_encoder("bert"))).spec
    assert (plain.pooling, plain.max_length) == ("cls", 40)
    assert load_text(str(tiny_encoder("roberta"))).spec.max_length == 40  # of 42 positions


def test_names_tell_the_modality(tiny_encoder: Tiny) -> None:
    texts = ("minilm", "roberta-base", "microsoft/deberta-v3-small", str(tiny_encoder("bert")))
    assert {modality_of(name) for name in texts} == {"text"}
    assert {modality_of(name) for name in ("bundled", "resnet50", "no/such/folder")} == {"image"}


def test_wrong_settings_are_named(tiny_encoder: Tiny) -> None:
    folder = str(tiny_encoder("bert"))
    with pytest.raises(UnknownNameError, match="pooling"):
        load_backbone(folder, pooling="sum")
    with pytest.raises(UnknownNameError, match="long texts"):
        load_backbone(folder, long="cut")
    with pytest.raises(BackboneError, match="100 tokens"):
        load_backbone(folder, size=100)
    with pytest.raises(BackboneError, match="cannot come from the file"):
        load_backbone(folder, weights="weights.bin")


def test_random_weights_come_from_the_seed(tiny_encoder: Tiny) -> None:
    folder = str(tiny_encoder("bert"))
    drawn = [load_text(folder, weights="random", seed=seed) for seed in (1, 1, 2)]
    with torch.no_grad():
        one, same, other = (backbone(tokens_of(backbone, *TEXTS)) for backbone in drawn)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path, tiny_encoder: Tiny) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "b")
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match="lack 1 tensors"):
        load_text(str(folder))


@pytest.mark.parametrize("name", ENCODERS)
def test_training_leaves_out_the_dropout_on_attention_weights_alone(
    name: str, tiny_encoder: Tiny
) -> None:
    backbone = load_text(str(tiny_encoder(name)))
    drops = [m.p for m in backbone.model.modules() if isinstance(m, nn.Dropout)]
    if name == "modernbert":  # it has none from the start
        assert set(drops) == {0.0}
        return
    assert drops.count(0.0) == 3
    assert max(drops) == pytest.approx(0.1)
    kept = {key: value for key, value in vars(backbone.model.config).items() if "dropout" in key}
    assert any(value == 0.1 for key, value in kept.items() if "attention" in key)
