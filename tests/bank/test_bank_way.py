"""Ways: what is stored is found again, memory that runs out halves the batch, nothing mixes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graft.bank.feed import Feed
from graft.bank.way import Way, Wish, halved, stored_way
from graft.engines import engine as engine_file
from graft.errors import ResourceError
from graft.network import Network

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
EVERY = np.arange(36)
CPU = torch.device("cpu")


class Counts(nn.Module):
    """A prefix that counts its batches and may have room for so many rows only."""

    def __init__(self, prefix: nn.Module, room: int = 64) -> None:
        super().__init__()
        self.prefix = prefix
        self.room = room
        self.batches: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.batches.append(len(inputs))
        if len(inputs) > self.room:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        outputs: Tensor = self.prefix(inputs)
        return outputs


def test_little_work_is_done_eagerly_and_found_again(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed = make_feed(network, wish=Wish())
    values = feed.activations(2, network.split(2).prefix)(EVERY)
    assert feed.way == Way("eager", 64)
    spy = Counts(network.split(2).prefix)
    again = make_feed(network, wish=Wish())
    assert torch.equal(again.activations(2, spy)(EVERY), values)
    assert again.way == feed.way
    assert spy.batches == []
    assert again.use.hits == 36


@pytest.mark.parametrize("name", ["folded", "packed"])
def test_what_another_engine_stored_is_used_by_auto_and_kept_apart_otherwise(
    name: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    prefix = network.split(2).prefix
    first = make_feed(network, wish=Wish(name, 16))
    values = first.activations(2, prefix)(EVERY)
    auto = make_feed(network, wish=Wish())
    assert torch.equal(auto.activations(2, prefix)(EVERY), values)
    assert auto.way == first.way == Way(name, 16)
    eager = make_feed(network)
    expected = eager.activations(2, prefix)(EVERY)
    assert eager.use.computed == 36
    assert torch.allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_batches_are_halved_where_memory_runs_out(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    tight = Counts(network.split(2).prefix, room=20)
    feed = make_feed(network)
    found = feed.activations(2, tight)(EVERY)
    assert tight.batches == [64, 32, 16, 16, 16]
    assert feed.way == Way("eager", 16)
    assert feed.warnings == [
        "Memory ran out: the frozen blocks run in batches of 32, not 64.",
        "Memory ran out: the frozen blocks run in batches of 16, not 32.",
    ]
    expected = make_feed(network, wish=Wish("eager", 16)).activations(2, tight.prefix)(EVERY)
    assert torch.equal(found, expected)


def test_one_row_that_does_not_fit_is_told(make_network: MakeNetwork, make_feed: MakeFeed) -> None:
    network = make_network()
    with pytest.raises(ResourceError, match="single row"):
        make_feed(network).activations(2, Counts(network.split(2).prefix, room=0))
    assert halved(2) == 1


def test_a_wrong_engine_is_replaced_and_its_name_never_stands_on_anothers_values(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(prefix: nn.Module, inputs: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda batch: prefix(batch) + 1

    table = {**engine_file.ENGINES, "folded": engine_file.Kind(wrong, ("cpu",), slower="eager")}
    monkeypatch.setattr(engine_file, "ENGINES", table)
    network = make_network()
    feed = make_feed(network, wish=Wish("folded", 64))
    found = feed.activations(2, network.split(2).prefix)(EVERY)
    assert feed.way == Way("eager", 64)
    assert "'folded' is not used, 'eager' is" in feed.warnings[0]
    eager = make_feed(network)
    assert torch.equal(eager.activations(2, network.split(2).prefix)(EVERY), found)
    assert eager.use.computed == 0


def test_less_than_half_of_the_rows_do_not_decide(
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    make_photos: Callable[..., Path],
    tmp_path: Path,
) -> None:
    network = make_network()
    few = make_photos(tmp_path / "few", {"blue": 12})
    make_photos(few, {"red": 1})
    make_feed(network, few, wish=Wish("folded", 32)).activations(2, network.split(2).prefix)
    feed = make_feed(network, make_photos(tmp_path / "many", {"blue": 13, "red": 30}), Wish())
    feed.activations(2, network.split(2).prefix)
    assert feed.way == Way("eager", 64)


def test_nothing_stored_is_no_way() -> None:
    assert stored_way(Wish(), CPU, lambda way: None, [b"x"]) is None
    assert [way.batch_size for way in Wish("eager").ways(CPU)] == [64, 32, 16, 8, 4, 2, 1]


def test_values_in_other_numbers_are_used_only_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_file, "has_bfloat16", lambda device: True)
    assert "bfloat16" not in {way.engine for way in Wish().ways(CPU)}
    both = {way.engine for way in Wish(precision="bfloat16").ways(CPU)}
    assert {"bfloat16", "eager", "packed"} <= both


def test_engines_read_what_is_stored_and_prepare_it_themselves(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    expected = make_feed(network).activations(2, network.split(2).prefix)(EVERY)
    for name in ("folded", "packed"):
        feed = make_feed(network, wish=Wish(name, 16))
        values = feed.activations(2, network.split(2).prefix)(EVERY)
        assert feed.way is not None
        assert feed.way.engine == name
        assert torch.allclose(values, expected, rtol=1e-3, atol=1e-4)
