from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from graft.data.augment import augmentation
from graft.data.batches import Batches, Transform
from graft.errors import DataError
from graft.types import IntArray

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (23, 3, 8, 8), dtype=np.uint8))
TARGETS = np.arange(23, dtype=np.int64)


def read_rows(rows: IntArray) -> Tensor:
    return PIXELS[torch.from_numpy(rows)]


def batches(
    size: int = 5, *, shuffle: bool = True, seed: int = 0, transform: Transform | None = None
) -> Batches:
    return Batches(read_rows, TARGETS, size, shuffle=shuffle, seed=seed, transform=transform)


def rows_of(source: Batches, epoch: int) -> list[int]:
    return [int(target) for batch in source.epoch(epoch) for target in batch.targets]


def inputs_of(source: Batches, epoch: int) -> Tensor:
    return torch.cat([batch.inputs for batch in source.epoch(epoch)])


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("size", [1, 5, 11, 22, 23, 50])
def test_an_epoch_is_every_row_once_with_its_target(size: int, shuffle: bool) -> None:
    source = batches(size, shuffle=shuffle)
    order = rows_of(source, 0)
    assert sorted(order) == list(range(23))
    assert source.rows == 23
    assert len(list(source.epoch(0))) == len(source)
    assert torch.equal(inputs_of(source, 0), PIXELS[order])


def test_without_shuffling_rows_keep_their_order() -> None:
    source = batches(shuffle=False)
    assert rows_of(source, 0) == rows_of(source, 7) == list(range(23))
    assert [len(batch) for batch in source.epoch(0)] == [5, 5, 5, 5, 3]


def test_a_single_row_left_over_joins_the_batch_before_it_when_training() -> None:
    assert [len(batch) for batch in batches(11).epoch(0)] == [11, 12]
    assert [len(batch) for batch in batches(11, shuffle=False).epoch(0)] == [11, 11, 1]


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert rows_of(batches(5), 3) == rows_of(batches(5), 3) == rows_of(batches(7), 3)
    assert rows_of(batches(5), 3) != rows_of(batches(5), 4)
    assert rows_of(batches(5), 3) != rows_of(batches(5, seed=1), 3)


def test_augmented_epochs_are_the_same_bytes_whatever_ran_before() -> None:
    source = batches(transform=augmentation("standard"))
    list(source.epoch(0))
    torch.manual_seed(123)
    again = batches(transform=augmentation("standard"))
    assert torch.equal(inputs_of(source, 2), inputs_of(again, 2))
    assert not torch.equal(inputs_of(source, 2), inputs_of(source, 3))


def test_batches_of_one_epoch_draw_differently() -> None:
    drawn: list[float] = []

    def draw(inputs: Tensor, generator: Generator) -> Tensor:
        drawn.append(float(torch.rand(1, generator=generator)))
        return inputs

    list(batches(transform=draw).epoch(0))
    assert len(set(drawn)) == 5


def test_the_global_generators_are_left_alone() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    list(batches(transform=augmentation("standard")).epoch(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_size_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        batches(0)


def test_balanced_epochs_take_every_class_equally_often_and_all_rows_in_turn() -> None:
    targets = np.repeat([0, 1, 2], [20, 8, 2])
    batches = Batches(
        lambda rows: torch.from_numpy(rows), targets, 7, shuffle=True, seed=1, balanced=True
    )
    seen: set[int] = set()
    for epoch in (1, 2, 3, 4):
        rows = torch.cat([batch.inputs for batch in batches.epoch(epoch)]).numpy()
        again = torch.cat([batch.inputs for batch in batches.epoch(epoch)]).numpy()
        assert rows.tolist() == again.tolist()
        assert np.bincount(targets[rows]).tolist() == [10, 10, 10]
        assert len(set(rows[targets[rows] == 0])) == 10  # none of a large class twice
        seen |= set(rows.tolist())
    assert len(seen) > 25


@pytest.mark.parametrize("targets", [np.zeros((4, 2), np.float32), np.zeros(4, np.float32)])
def test_only_classes_can_be_balanced(targets: IntArray) -> None:
    with pytest.raises(DataError, match="one class per row"):
        Batches(
            lambda rows: torch.from_numpy(rows), targets, 2, shuffle=True, seed=0, balanced=True
        )
