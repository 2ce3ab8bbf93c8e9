"""Batches by tokens: every row once an epoch, bounded, of about one length."""

from __future__ import annotations

import numpy as np
import torch

from graft.data.batches import Batches

LENGTHS = np.random.default_rng(0).integers(3, 60, 500)


def batches(tokens: int | None, *, shuffle: bool = True) -> Batches:
    def read(rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows)

    return Batches(
        read, np.arange(500), 32, shuffle=shuffle, seed=3, lengths=LENGTHS, tokens=tokens
    )


def epoch(made: Batches, number: int) -> list[list[int]]:
    return [batch.inputs.tolist() for batch in made.epoch(number)]


def test_every_row_comes_once_an_epoch_and_no_batch_is_too_large() -> None:
    made = batches(1000)
    for number in range(3):
        found = epoch(made, number)
        assert sorted(row for rows in found for row in rows) == [*range(500)]
        assert len(found) == len(made)
        assert all(len(rows) * LENGTHS[rows].max() <= 1000 for rows in found)


def test_little_is_padded() -> None:
    computed = sum(len(rows) * LENGTHS[rows].max() for rows in epoch(batches(1000), 0))
    assert computed < 1.1 * LENGTHS.sum()  # in random order it is 1.8 times as much


def test_epochs_differ_and_can_be_repeated_and_taken_up_again() -> None:
    made = batches(1000)
    first = epoch(made, 1)
    assert first == epoch(batches(1000), 1)
    assert first != epoch(made, 2)
    assert [batch.inputs.tolist() for batch in made.epoch(1, first=4)] == first[4:]


def test_held_out_rows_come_in_order_of_length() -> None:
    rows = [row for found in epoch(batches(1000, shuffle=False), 0) for row in found]
    assert (np.diff(LENGTHS[rows]) >= 0).all()


def test_a_row_longer_than_the_room_comes_alone() -> None:
    assert all(len(rows) == 1 for rows in epoch(batches(1), 0))
