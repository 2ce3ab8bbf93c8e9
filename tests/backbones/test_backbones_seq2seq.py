"""Encoder-decoders: blocks, cuts, languages, prefix; what transformers alone computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from graft.backbones.blocks import tensor_names
from graft.backbones.load_seq2seq import PairSettings, load_seq2seq
from graft.backbones.pair_layout import compact, filled, parted, spread
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.backbones.seq2seq_models import load_tokenizer, translate
from graft.errors import BackboneError, UnknownNameError
from graft.export.native import load_model, save_model
from graft.network import Network, kept_head
from graft.types import Task
from tests.tiny_pairs import FAMILIES, LANGUAGES, write_family

Load = Callable[[str], Seq2SeqBackbone]
TEXTS = ["3 1 4", "2 2", "9 8 7 6 5"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("families")
    return cache(lambda family: write_family(root / family, family))


@pytest.fixture(scope="module")
def load(folders: Callable[[str], Path]) -> Load:
    def loaded(family: str) -> Seq2SeqBackbone:
        languages = LANGUAGES.get(family, (None, None))
        return load_seq2seq(str(folders(family)), PairSettings(*languages))

    return loaded


def network_of(backbone: Seq2SeqBackbone) -> Network:
    head = kept_head(backbone)
    assert head is not None
    return Network(backbone, head).eval()


def rows_of(backbone: Seq2SeqBackbone) -> torch.Tensor:
    from graft.backbones.collate import padded

    backwards = [text[::-1] for text in TEXTS]
    rows, _ = backbone.tokenizer.pack(TEXTS, backwards, backbone.spec)
    return torch.from_numpy(padded(rows, max(map(len, rows)) + 3))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_is_in_one_block_and_every_cut_computes_the_same(
    family: str, load: Load
) -> None:
    backbone = load(family)
    names = [name for block in backbone.blocks for name in block.tensors]
    assert sorted(names) == sorted(tensor_names(backbone.model))
    assert backbone.blocks[0].name == "embeddings"
    assert len(backbone.blocks) == 5
    network, rows = network_of(backbone), rows_of(backbone)
    with torch.no_grad():
        whole = network(rows)
        for depth in range(len(backbone.blocks) + 1):
            parts = network.split(depth)  # which checks on dry inputs; here on real ones
            torch.testing.assert_close(parts.suffix(parts.prefix(rows)), whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_it_gives_transformers_equal_tokens_logits_and_translations(
    family: str, load: Load, tmp_path: Path
) -> None:
    import transformers

    from graft.backbones.transformers_models import quiet

    backbone = load(family)
    network = network_of(backbone)
    backbone.decoding.beams, backbone.decoding.longest = 3, 12
    save_model(tmp_path / "model", network, (), "translation", {}, (Task("translation"),))
    with quiet():
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
        native: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    texts = [backbone.spec.prefix + text for text in TEXTS]
    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    labels = tokenizer(text_target=[t[::-1] for t in TEXTS], padding=True, return_tensors="pt")
    wanted = labels["input_ids"]
    with torch.no_grad():
        found = native(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], labels=wanted
        ).logits[wanted != tokenizer.pad_token_id]
        torch.testing.assert_close(network(rows_of(backbone)), found, rtol=1e-4, atol=1e-4)
        said = native.generate(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
    ours, _ = backbone.tokenizer.sources(TEXTS, backbone.spec)
    plain = [text.strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)]
    assert translate(backbone, ours, backbone.decoding) == plain
    again = load_model(tmp_path / "model").network.backbone
    assert isinstance(again, Seq2SeqBackbone)
    assert (again.spec, again.decoding) == (backbone.spec, backbone.decoding)


def test_a_tied_output_layer_belongs_to_the_embeddings(load: Load) -> None:
    tied, untied = network_of(load("mbart")), network_of(load("mbart-untied"))
    assert [*tied.head.parameters()] == []
    assert [name for name, _ in untied.head.named_parameters()] == ["weight"]
    assert "model.shared.weight" in tied.backbone.blocks[0].tensors


def test_no_layer_is_dropped_and_constants_do_not_train(load: Load) -> None:
    backbone = load("m2m100")
    assert {getattr(m, "layerdrop", 0.0) for m in backbone.modules()} == {0.0}
    assert not [n for n, _ in backbone.model.named_parameters() if "positions" in n]


def test_the_prefix_of_the_checkpoint_is_not_forgotten(
    load: Load, folders: Callable[[str], Path]
) -> None:
    assert load("t5").spec.prefix == "turn round: "
    assert load("t5-gated").spec.prefix == ""
    given = load_seq2seq(str(folders("t5-gated")), PairSettings(prefix="round: "))
    assert given.spec.prefix == "round: "
    ours, _ = given.tokenizer.sources(["1"], given.spec)
    bare, _ = load("t5-gated").tokenizer.sources(["1"], load("t5-gated").spec)
    assert len(ours[0]) == len(bare[0]) + 2


def test_languages_are_validated(folders: Callable[[str], Path]) -> None:
    with pytest.raises(BackboneError, match="say which with --source-language"):
        load_seq2seq(str(folders("nllb")))
    with pytest.raises(UnknownNameError, match="did you mean 'deu_Latn'"):
        load_seq2seq(str(folders("nllb")), PairSettings("eng_Latn", "deu_Lat"))
    with pytest.raises(BackboneError, match="distinguishes no languages"):
        load_seq2seq(str(folders("t5-gated")), PairSettings("en", "de"))


def test_encoders_and_folders_of_nothing_are_refused(
    tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(BackboneError, match="no encoder-decoder"):
        load_seq2seq(str(tiny_encoder("bert")))
    with pytest.raises(BackboneError, match="There is no folder"):
        load_seq2seq(str(tmp_path / "nowhere"))
    with pytest.raises(BackboneError, match="cannot be opened for translation"):
        load_seq2seq(str(tmp_path))


def test_texts_that_do_not_fit_are_cut_and_counted(load: Load) -> None:
    backbone = load("mbart")
    rows, counts = backbone.tokenizer.pack(["1 " * 50, "1 2"], ["2 " * 40, "2 1"], backbone.spec)
    assert counts == [(52, 42), (4, 4)]
    text, translation = parted(filled(torch.from_numpy(rows[0])[None]))
    assert (int(text.sum()), int(translation.sum())) == (30, 30)
    assert rows[0][28:30].tolist() == [2, 18]  # end and language stay


def test_rows_come_back_from_being_compacted() -> None:
    rows = torch.tensor([[5, 6, -1, 7, -1, -1], [8, -1, 1, 2, 3, -1]])
    text, translation = parted(filled(rows))
    moved, mask = compact(rows, translation)
    assert moved.tolist() == [[7, 0, 0], [1, 2, 3]]
    vectors = moved[..., None].float()
    back = spread(vectors, mask, translation)
    assert back[..., 0].nan_to_num(-9).tolist() == [
        [-9, -9, -9, 7, -9, -9],
        [-9, -9, 1, 2, 3, -9],
    ]
    assert torch.equal(filled(back), translation)
    assert not bool((text & translation).any())


def test_the_normaliser_that_marian_recommends_would_change_nothing(tiny_marian: Path) -> None:
    def touched(_text: str) -> str:
        raise AssertionError("the tokenizer normalises punctuation")

    tokenizer = load_tokenizer(str(tiny_marian), name="tiny")  # and it does not warn
    tokenizer.native.punc_normalizer = touched
    assert tokenizer.native(["3 1 4"], text_target=["4 1 3"])["labels"]
