"""Counting: operations as PyTorch counts them, memory as a hand does, and batches that fit."""

from __future__ import annotations

import torch
from torch import nn

from graft.engines import LARGEST_BATCH, Work, fitting_batch, work_of
from graft.engines import work as work_file

CPU = torch.device("cpu")


def test_a_convolution_is_counted_like_by_hand() -> None:
    conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    work = work_of(conv, torch.zeros(1, 3, 10, 10))
    assert work.operations == 2 * 8 * 3 * 9 * 100
    assert work.bytes == work.traffic == 4 * 100 * (3 + 8)  # the weights are not a batch's


def test_the_batch_is_a_power_of_two_that_fits() -> None:
    for size in (1, 2**20, 10**7, 2**27, 2**33):
        batch = fitting_batch(Work(0.0, size), CPU)
        assert 1 <= batch <= LARGEST_BATCH
        assert batch & (batch - 1) == 0
        assert batch == 1 or batch * size <= work_file.CPU_BYTES


def test_the_traffic_is_that_of_all_layers_and_the_size_of_the_largest() -> None:
    narrow, wide = nn.Conv2d(1, 2, 1, bias=False), nn.Conv2d(2, 6, 1, bias=False)
    work = work_of(nn.Sequential(narrow, wide), torch.zeros(1, 1, 5, 5))
    assert work.bytes == 4 * 25 * (2 + 6)
    assert work.traffic == 4 * 25 * (1 + 2 + 2 + 6)
    assert work.effort == work.operations + work_file.OPERATIONS_PER_BYTE * work.traffic


def test_a_batch_leaves_the_cache_only_for_its_first_eight_rows() -> None:
    for power in range(10, 27):
        batch = fitting_batch(Work(0.0, 2**power), CPU)
        assert batch <= work_file.FEWEST_ROWS or batch << power <= work_file.CPU_CACHE_BYTES


def test_larger_pictures_get_smaller_batches() -> None:
    sizes = [fitting_batch(Work(0.0, 2**power), CPU) for power in range(10, 34)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == LARGEST_BATCH
    assert sizes[-1] == 1
