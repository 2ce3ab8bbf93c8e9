"""Views: stored pictures that stand for a training row; drawn alike whenever and with whomever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.bank import feed as feed_file
from graft.bank.feed import Feed
from graft.bank.key import PLAIN, View
from graft.bank.source import Source, Views, open_source
from graft.data.augment import augmented_views
from graft.data.batches import Batches
from graft.engines.engine import Engine, sound
from graft.network import Network
from graft.types import IntArray

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
DEPTH = 2


def rows_of(*numbers: int) -> IntArray:
    return np.array(numbers, dtype=np.int64)


def opened(
    network: Network, feed: Feed, count: int, rows: IntArray, augment: str = "light"
) -> Source:
    warnings: list[str] = []
    source = open_source(network, DEPTH, feed, warnings, Views(count, augment, rows))
    assert not warnings
    return source


def test_a_view_is_the_prefix_of_the_augmented_picture(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed = make_feed(network)
    rows = rows_of(3, 7, 20)
    source = opened(network, feed, 3, rows)
    digest = feed._digests[7]
    view = View(2, "light")
    seed = int.from_bytes(view.digest(digest)[:8]) >> 1
    changed = augmented_views("light", feed.raw(rows_of(7)), [seed])
    assert not torch.equal(changed, feed.raw(rows_of(7)))
    with torch.no_grad():
        expected = network.split(DEPTH).prefix(feed.inputs.prepare(changed))
    found = source.views[1](rows_of(7))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_views_do_not_depend_on_company_count_or_row_numbers(
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = make_network()
    one = opened(network, make_feed(network), 2, rows_of(5)).views[0](rows_of(5))
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "other"))
    many = opened(network, make_feed(network), 4, np.arange(30)).views[0](rows_of(5))
    assert torch.equal(one, many)


def test_more_views_compute_only_what_is_new(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    first, rows = make_feed(network), np.arange(10)
    opened(network, first, 3, rows)
    second = make_feed(network)
    opened(network, second, 5, np.arange(12))
    assert second.use.computed == 10 * 2 + 2 * 4
    third = make_feed(network)
    opened(network, third, 5, np.arange(12), augment="standard")
    assert third.use.computed == 12 * 4


def test_the_plain_picture_is_the_first_view_and_no_other_row_is_read(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    source = opened(network, make_feed(network), 3, rows_of(1, 2))
    both = source.read_views(rows_of(1, 2))
    assert both.shape[0] == 6
    assert torch.equal(both[:2], source.read(rows_of(1, 2)))
    with pytest.raises(KeyError):
        source.views[0](rows_of(3))


@pytest.mark.parametrize("name", ["light", "standard"])
def test_every_augmentation_draws_a_picture_by_its_own_seed(name: str) -> None:
    pixels = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    together = augmented_views(name, pixels, range(5))
    alone = [augmented_views(name, pixels[n : n + 1], [n]) for n in range(5)]
    assert torch.equal(together, torch.cat(alone))
    assert together.dtype == torch.uint8
    assert not torch.equal(together, pixels)


def test_without_augmentation_there_are_no_views(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    assert opened(network, make_feed(network), 4, rows_of(1), augment="none").views == ()
    assert opened(network, make_feed(network), 1, rows_of(1)).views == ()


def test_keys_tell_augmentations_and_plain_pictures_apart() -> None:
    keys = {view.key("k") for view in (PLAIN, View(1, "light"), View(1, "standard"))}
    assert len(keys) == 3
    assert View(1, "light").key("k") == View(2, "light").key("k")
    digests = {view.digest(b"d") for view in (PLAIN, View(1, "light"), View(2, "light"))}
    assert len(digests) == 3


# Batches.


def shown(views: int, epochs: int, rows: int = 20) -> list[list[int]]:
    """The view (hundreds) that each row (units) shows, epoch by epoch, by row."""

    def reader(view: int) -> Callable[[IntArray], torch.Tensor]:
        return lambda rows: torch.from_numpy(rows + 100 * view)

    batches = Batches(
        reader(0),
        np.arange(rows),
        8,
        shuffle=True,
        seed=3,
        views=[reader(view) for view in range(1, views)],
    )
    table = []
    for epoch in range(epochs):
        found = {}
        for batch in batches.epoch(epoch):
            for value, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
                assert value % 100 == target  # inputs stay beside their targets
                found[target] = value // 100
        table.append([found[row] for row in range(rows)])
    return table


@pytest.mark.parametrize("views", [2, 3, 8])
def test_every_row_shows_each_view_once_in_as_many_epochs(views: int) -> None:
    table = np.array(shown(views, views))
    assert (np.sort(table, axis=0) == np.arange(views)[:, None]).all()
    assert len(set(table[0].tolist())) > 1  # not all rows the same one at a time


def test_one_view_is_the_plain_picture_throughout() -> None:
    assert np.array(shown(1, 3)).max() == 0


def test_views_use_the_engine_that_the_plain_pictures_prepared(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []

    def prepare(wish: object, prefix: torch.nn.Module, first: torch.Tensor, *_: object) -> Engine:
        prepared.append(len(first))
        return sound("eager", prefix, first)

    monkeypatch.setattr(feed_file, "chosen_engine", prepare)
    network = make_network()
    feed = make_feed(network)
    opened(network, feed, 3, rows_of(*range(20)))
    assert len(prepared) == 1
    feed.ready.release()
    opened(network, feed, 3, rows_of(21, 22))
    assert len(prepared) == 2
    # Other weights are another prefix, whatever is ready.
    with torch.no_grad():
        next(network.backbone.model.parameters()).add_(1.0)
    opened(network, feed, 3, rows_of(23, 24))
    assert len(prepared) == 3
