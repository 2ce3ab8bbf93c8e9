"""The small parts of a run: the choice of a strategy, the clock, samples, probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from graft.bank.feed import Feed
from graft.bank.source import Source, open_source
from graft.data import read
from graft.errors import DivergenceError
from graft.network import Network
from graft.recipe import Recipe
from graft.runs import choice
from graft.runs.choice import (
    FEW_A_CLASS,
    choose_strategy,
    few_texts,
    fine_tuning_flops,
    forward_flops,
)
from graft.runs.clock import Clock
from graft.runs.pictures import sample_rows
from graft.runs.predictor import probabilities
from graft.types import Json

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]


def test_operations_are_counted_as_by_hand(make_network: MakeNetwork) -> None:
    network = make_network("test_vit", classes=3)
    total = 0.0

    def count(module: nn.Module, args: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Linear):
            total += 2 * args[0].numel() * module.out_features
        elif isinstance(module, nn.Conv2d):
            total += 2 * output.numel() * module.weight[0].numel()

    for module in network.modules():
        module.register_forward_hook(count)
    found = forward_flops(network)
    layers = total + 2 * network.head.features * 3
    assert layers <= found < 1.5 * layers  # the rest is attention


def test_cost_grows_with_rows_and_epochs(make_network: MakeNetwork) -> None:
    network = make_network()
    once = fine_tuning_flops(network, 100, 32, 1)
    assert fine_tuning_flops(network, 200, 32, 1) == 2 * once
    assert fine_tuning_flops(network, 100, 32, 7) == 7 * once
    assert fine_tuning_flops(network, 100, 8, 7) == 7 * once


def test_what_costs_minutes_is_fine_tuned_and_what_costs_more_is_probed(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    cost = fine_tuning_flops(network, 100, 32, 5)
    monkeypatch.setattr(choice, "CPU_FLOPS", cost)
    assert choose_strategy(network, 100, 32, 5) == "lp-ft"
    assert choose_strategy(network, 101, 32, 5) == "linear-probe"
    assert choose_strategy(network, 100, 32, 6) == "linear-probe"


@pytest.mark.parametrize(
    ("changes", "few"),
    [({}, True), ({"weights": "random"}, False), ({"head": "mlp:8"}, False)],
)
def test_a_handful_of_texts_a_class_is_learnt_in_pairs(changes: Json, few: bool) -> None:
    texts = [f"text number {number}" for number in range(3 * FEW_A_CLASS)]
    examples = read({"text": texts, "label": ["a", "b", "c"] * FEW_A_CLASS})
    recipe, rows = Recipe().model_copy(update=changes), np.arange(len(texts))
    assert few_texts(recipe, examples, rows) == few
    assert not few_texts(recipe, read({"text": texts, "label": ["a", "b"] * 24}), rows)


def test_pictures_and_quantities_are_not_learnt_in_pairs() -> None:
    texts, sizes = ["one", "two", "three"], [0.5, 1.25, 3.75]
    quantities = read({"text": texts, "label": sizes}, task="regression")
    assert not few_texts(Recipe(), quantities, np.arange(3))
    pictures = read({"image": [Image.new("L", (8, 8))] * 4, "label": ["a", "b"] * 2})
    assert not few_texts(Recipe(), pictures, np.arange(4))


def test_the_clock_adds_up_parts_even_where_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 1.0, 3.0, 4.0, 8.5, 10.0])
    monkeypatch.setattr("graft.runs.clock.perf_counter", lambda: next(ticks))
    clock = Clock()
    with clock.part("train"):
        pass
    with pytest.raises(ValueError, match="x"), clock.part("train"):
        raise ValueError("x")
    assert clock.seconds() == {
        "total": 10.0,
        "load": 0.0,
        "prefix": 0.0,
        "train": 6.5,
        "evaluate": 0.0,
    }


def test_samples_are_a_few_of_each_class() -> None:
    targets = np.repeat(np.arange(4), 10)
    assert sample_rows(targets, np.arange(40)) == [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert sample_rows(targets, np.array([5, 15, 16])) == [5, 15, 16]
    many = np.arange(100)
    assert len(sample_rows(many, many)) == 24


@pytest.mark.parametrize("depth", [0, 2, 5])
def test_probabilities_are_those_of_the_network_whatever_is_cached(
    depth: int, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed = make_feed(network)
    rows = np.array([4, 30, 4])
    found = probabilities(network, open_source(network, depth, feed, []), rows)
    source = open_source(network, 0, feed, [])
    with torch.no_grad():
        expected = torch.softmax(network(source.read(rows)).double(), dim=1).numpy()
    assert found.dtype == np.float64
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)
    assert np.allclose(found, expected, atol=1e-5)
    assert np.array_equal(found[0], found[2])
    none = probabilities(network, open_source(network, depth, feed, []), rows[:0])
    assert none.shape == (0, 3)


def test_more_rows_than_a_batch_are_taken_in_pieces(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    source = open_source(network, 5, make_feed(network), [])
    whole = probabilities(network, source, np.arange(36))
    monkeypatch.setattr(Source, "rows_at_once", 7)
    assert np.allclose(probabilities(network, source, np.arange(36)), whole, atol=1e-6)


def test_broken_weights_are_told_as_what_they_are(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    source = open_source(network, 5, make_feed(network), [])
    with torch.no_grad():
        next(network.head.parameters()).fill_(float("inf"))
    with pytest.raises(DivergenceError, match="not finite"):
        probabilities(network, source, np.arange(3))
