"""Tokenised texts in the bank: once each, and every value independent of its company."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.backbones.collate import bucket
from graft.backbones.load_text import load_text
from graft.backbones.text import TextBackbone
from graft.bank import bank_folder
from graft.bank.bucketed import CPU_ROWS, SHORT, BucketedFeed, rows_at_once
from graft.bank.source import open_source, pooled_features
from graft.bank.tokens import Tokens, text_facts
from graft.data import Examples, read
from graft.heads.build import build_head
from graft.network import Network
from graft.progress import Silent
from graft.types import TextSpec
from tests.tiny_texts import WORDS

Tiny = Callable[..., Path]


def examples(count: int, seed: int = 0) -> Examples:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 50, count)
    texts = [" ".join(random.choice(WORDS, length)) for length in lengths]
    return read((texts, [str(n % 2) for n in range(count)]))


def opened(rows: Examples, backbone: TextBackbone) -> tuple[BucketedFeed, Network]:
    network = Network(backbone, build_head("linear", backbone.num_features, 2)).eval()
    tokens = Tokens(rows, backbone, bank_folder(), Silent())
    digests = [digest for digest in tokens.digests if digest]
    device = torch.device("cpu")
    return BucketedFeed(tokens, digests, network, device, bank_folder(), Silent()), network


def test_features_come_from_stored_outputs_of_every_length(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")), pooling="mean")
    feed, network = opened(examples(30), backbone)
    blocks, rows = len(backbone.blocks), np.array([7, 0, 29, 7, 12])
    reader = pooled_features(network, [blocks, blocks - 1], feed)
    with torch.no_grad():
        assert torch.allclose(reader(rows), backbone(feed.raw(rows).long()), atol=1e-5)
    assert feed.use.computed == 2 * len(feed)
    again = open_source(network, blocks, feed, [])
    assert torch.equal(again.read(rows), reader(rows))
    assert feed.use.computed == 2 * len(feed)


def test_cached_equals_uncached_at_every_depth_with_texts_of_all_lengths(
    tiny_encoder: Tiny,
) -> None:
    backbone = load_text(str(tiny_encoder("bert")), pooling="mean")
    feed, network = opened(examples(30), backbone)
    rows = np.array([7, 0, 29, 7, 12])
    warnings: list[str] = []
    with torch.no_grad():
        expected = network(feed.raw(rows).long())
        for depth in range(len(backbone.blocks) + 1):
            source = open_source(network, depth, feed, warnings)
            assert source.depth == depth
            found = source.suffix(source.read(rows))
            assert torch.allclose(found, expected, atol=1e-5), depth
    assert warnings == []


def test_a_value_does_not_depend_on_the_company_it_was_computed_in(
    tiny_encoder: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warm after a part of the data equals cold, bit for bit."""
    backbone = load_text(str(tiny_encoder("bert")))
    many = examples(40)
    few = many.take(np.array([3, 17, 5]))
    found = []
    for part in (few, many):
        monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / str(len(part))))
        feed, network = opened(part, backbone)
        row = 1 if part is few else 17
        found.append(feed.activations(2, network.split(2).prefix)(np.array([row])))
    assert torch.equal(found[0].nan_to_num(), found[1].nan_to_num())


def test_a_bucket_costs_less_than_a_thousand_tokens_beyond_its_texts(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    feed, network = opened(examples(200), backbone)
    lengths = feed.lengths()
    assert lengths is not None
    prefix, seen = network.split(2).prefix, []
    prefix.register_forward_pre_hook(lambda _module, args: seen.append(args[0].shape))
    feed.activations(2, prefix)
    places = np.array([bucket(length, 40) for length in lengths.tolist()])
    for length in np.unique(places).tolist():
        rows = [shape[0] for shape in seen if shape[1] == length]
        assert set(rows) == {rows_at_once(length, CPU_ROWS)}
        assert max(rows) * length <= CPU_ROWS * SHORT == 1024
        assert 0 <= sum(rows) - int((places == length).sum()) < max(rows)


def test_rows_are_padded_to_the_longest_of_them_and_no_further(tiny_encoder: Tiny) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    feed, network = opened(examples(60), backbone)
    lengths, stored = feed.lengths(), feed.activations(1, network.split(1).prefix)
    assert lengths is not None
    for rows in np.array_split(np.argsort(lengths), 8):
        longest = int(lengths[rows].max())
        tokens = feed.raw(rows)
        assert tokens.shape == (len(rows), longest)
        assert ((tokens >= 0).sum(1).numpy() == lengths[rows]).all()
        assert torch.equal(stored(rows)[..., 0].isnan(), tokens < 0)


def test_a_text_is_tokenised_once(tiny_encoder: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_text(str(tiny_encoder("bert")))
    rows = examples(20)
    first = Tokens(rows, backbone, bank_folder(), Silent())
    digests = [digest for digest in first.digests if digest]
    monkeypatch.setattr(type(backbone.tokenizer), "pack", None)
    second = Tokens(rows, backbone, bank_folder(), Silent())
    assert [second.length(d) for d in digests] == [first.length(d) for d in digests]
    assert second.facts("x", digests) == first.facts("x", digests)


def test_texts_that_do_not_fit_are_counted_and_told() -> None:
    spec = TextSpec(max_length=10, long="truncate", pooling="mean", tokenizer="")
    facts = text_facts("x", np.array([3, 10, 11, 40]), spec)
    assert facts["too_long"] == 2
    assert facts["tokens"] == {"min": 3, "median": 11, "p95": 40, "max": 40}
    assert sum(facts["histogram"]["counts"]) == 4
    assert "2 of 4 texts (50.0%)" in facts["notes"][0]
    assert text_facts("x", np.array([3, 10]), spec)["notes"] == []
