"""Feeds: the prefix runs once per picture, whoever asks and in whatever company."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graft.bank import feed as feed_file
from graft.bank import fill as fill_file
from graft.bank.feed import Feed
from graft.bank.way import Wish
from graft.errors import ResourceError
from graft.network import Network, Split, feature_halves
from graft.types import IntArray

PREFIX_BATCH = 64  # of `make_feed`
MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
ARCHITECTURES = ("test_resnet", "test_vit", "test_efficientnet")
DEPTH = 2
ROWS = np.array([3, 0, 35])


class Spy(nn.Module):
    """Counts the rows that go through a prefix."""

    def __init__(self, prefix: nn.Module) -> None:
        super().__init__()
        self.prefix = prefix
        self.batches: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.batches.append(len(inputs))
        outputs: Tensor = self.prefix(inputs)
        return outputs


def every(feed: Feed) -> IntArray:
    return np.arange(len(feed), dtype=np.int64)


def spied(network: Network, depth: int = DEPTH) -> Spy:
    return Spy(network.split(depth).prefix)


def values_of(feed: Feed, network: Network, depth: int = DEPTH) -> Tensor:
    return feed.activations(depth, network.split(depth).prefix)(every(feed))


def bank_files(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stored_values_are_the_prefixs_outputs(
    architecture: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network(architecture)
    feed = make_feed(network)
    rows = np.array([5, 0, 35, 5])
    depth = len(network.backbone.blocks)
    found = feed.activations(depth, network.backbone)(rows)
    with torch.no_grad():
        expected = network.backbone(feed.inputs.prepare(feed.raw(rows)))
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(found[0], found[3])


def test_every_batch_has_the_same_size(make_network: MakeNetwork, make_feed: MakeFeed) -> None:
    """The last one is padded: a value never depends on how many rows are left."""
    network = make_network()
    spy = spied(network)
    make_feed(network).activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH]


def test_nothing_is_computed_twice(
    tmp_path: Path, make_network: MakeNetwork, make_feed: MakeFeed, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 40, "red": 30})
    network = make_network()
    feed, spy = make_feed(network, folder), spied(network)
    feed.activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH] * 2
    feed.activations(DEPTH, spy)
    make_feed(network, folder).activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH] * 2
    make_photos(folder, {"green": 2})
    third = make_feed(network, folder)
    third.activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH] * 3
    assert third.use.to_dict() == {
        "rows": 72,
        "hits": 70,
        "computed": 2,
        "bytes": 72 * third.activations(DEPTH, spy)(np.array([0]))[0].nbytes,
        "storage": "float32",
        "error": {"max": 0.0, "relative": 0.0},
    }


def test_features_through_stored_outputs_run_every_block_once(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed, halves = make_feed(network), feature_halves(network.backbone, DEPTH)
    lower, upper = Spy(halves.prefix), Spy(halves.suffix)
    reader = feed.through(DEPTH, Split(lower, upper))
    expected = network.backbone(feed.inputs.prepare(feed.raw(every(feed))))
    assert torch.allclose(reader(every(feed)), expected, rtol=1e-4, atol=1e-5)
    assert lower.batches == upper.batches == [PREFIX_BATCH]
    blocks = len(network.backbone.blocks)
    assert feed.activations(blocks, Spy(network.backbone)) is reader
    assert torch.equal(make_feed(network).through(DEPTH, Split(lower, upper))(ROWS), reader(ROWS))
    assert len(lower.batches) == len(upper.batches) == 1


def test_features_through_other_outputs_are_kept_apart(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    """Their rounding depends on what computed the outputs below them."""
    network = make_network()
    blocks = len(network.backbone.blocks)
    make_feed(network).through(DEPTH, feature_halves(network.backbone, DEPTH))
    for wish in (Wish("eager", 32), Wish("folded", 64)):
        feed = make_feed(network, wish=wish)
        feed.through(DEPTH, feature_halves(network.backbone, DEPTH))
        assert feed.use.computed == 2 * len(feed)
    plain = make_feed(network)
    plain.activations(blocks, network.backbone)
    assert plain.use.computed == len(plain)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_value_does_not_depend_on_the_company_it_was_computed_in(
    architecture: str,
    tmp_path: Path,
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    make_photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Warm after a part of the data equals cold, bit for bit."""
    network = make_network(architecture)
    few = make_photos(tmp_path / "few", {"blue": 3, "red": 4})
    all_of_them = make_photos(tmp_path / "all", {"blue": 3, "red": 4, "green": 70})
    for depth in (DEPTH, len(network.backbone.blocks)):
        monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / f"warm-{depth}"))
        values_of(make_feed(network, few), network, depth)
        warm = values_of(make_feed(network, all_of_them), network, depth)
        monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / f"cold-{depth}"))
        cold = values_of(make_feed(network, all_of_them), network, depth)
        assert torch.equal(warm, cold)


def test_a_changed_weight_or_statistic_is_computed_anew(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed = make_feed(network)
    before = values_of(feed, network)
    tensors = {
        **dict(network.backbone.model.named_parameters()),
        **dict(network.backbone.model.named_buffers()),
    }
    for name in ("conv1.0.weight", "bn1.running_var"):
        with torch.no_grad():
            tensors[name].mul_(1.5)
        after = values_of(feed, network)
        assert not torch.equal(after, before)
        assert torch.equal(after, values_of(make_feed(network), network))
        before = after


def test_what_trains_may_change(make_network: MakeNetwork, make_feed: MakeFeed) -> None:
    network = make_network()
    spy = spied(network)
    make_feed(network).activations(DEPTH, spy)
    with torch.no_grad():
        network.backbone.model.get_parameter("layer4.0.conv1.weight").mul_(2)
        for parameter in network.head.parameters():
            parameter.mul_(2)
    make_feed(network).activations(DEPTH, spy)
    assert len(spy.batches) == 1


def test_a_prefix_in_training_mode_computes_as_in_evaluation(
    make_network: MakeNetwork, make_feed: MakeFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    expected = values_of(make_feed(network), network)
    statistics = network.backbone.model.get_buffer("bn1.running_mean").clone()
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "other"))
    network.train()
    assert torch.equal(values_of(make_feed(network), network), expected)
    assert torch.equal(network.backbone.model.get_buffer("bn1.running_mean"), statistics)


def test_large_shelves_are_read_from_the_disk(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    expected = values_of(make_feed(network), network)
    monkeypatch.setattr(feed_file, "MEMORY_BYTES", 0)
    reader = make_feed(network).activations(DEPTH, network.split(DEPTH).prefix)
    rows = np.array([7, 7, 0, 30])
    assert torch.equal(reader(rows), expected[torch.from_numpy(rows)])


def test_a_full_disk_is_told_and_what_was_done_is_kept(
    tmp_path: Path,
    cache: Path,
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    make_photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": PREFIX_BATCH, "red": PREFIX_BATCH})
    network = make_network()
    feed, spy = make_feed(network, folder), spied(network)
    monkeypatch.setattr(fill_file, "SEGMENT_BYTES", 1)
    rename, calls = Path.rename, []

    def fail_the_second_time(self: Path, target: Path) -> Path:
        calls.extend([target] if target.name.startswith("segment-") else [])
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_the_second_time)
        with pytest.raises(ResourceError, match="disk is full"):
            feed.activations(DEPTH, spy)
    assert not [name for name in bank_files(cache) if "/.segment" in name]
    make_feed(network, folder).activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH] * 3


def test_an_interrupted_prefix_keeps_its_whole_segments(
    tmp_path: Path,
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    make_photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": PREFIX_BATCH, "red": PREFIX_BATCH})
    network = make_network()
    monkeypatch.setattr(fill_file, "SEGMENT_BYTES", 1)

    class Stops(Spy):
        def forward(self, inputs: Tensor) -> Tensor:
            if self.batches:
                raise KeyboardInterrupt
            return super().forward(inputs)

    prefix = network.split(DEPTH).prefix
    with pytest.raises(KeyboardInterrupt):
        make_feed(network, folder).activations(DEPTH, Stops(prefix))
    spy = Spy(prefix)
    make_feed(network, folder).activations(DEPTH, spy)
    assert spy.batches == [PREFIX_BATCH]
