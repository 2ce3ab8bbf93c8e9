"""The loop: it stops when it should, and the best weights win."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from graft.errors import DivergenceError
from graft.training.best import Best
from graft.training.loop import Loop, run_epochs
from graft.training.schedule import build_schedule
from graft.types import Batch, Json


class Once:
    """One batch an epoch."""

    def epoch(self, number: int, first: int = 0) -> Iterator[Batch]:
        yield Batch(torch.ones(2, 1), torch.zeros(2, dtype=torch.int64))


class Walk:
    """A weight that grows by one every epoch, with losses and scores as told."""

    def __init__(
        self,
        scores: Sequence[float] | None,
        losses: Sequence[float] = (),
        start: float | None = None,
    ) -> None:
        self.weight = nn.Parameter(torch.zeros(()))
        self.rows: list[Json] = []
        self.modes = ""
        self._losses = iter(losses)
        self._scores = None if scores is None else iter(scores)
        self.best = Best(take=self._take, restore=self._restore, finite=self._finite)
        if start is not None:
            self.best.offer(0, {"loss": start})

    def run(self, epochs: int, patience: int = 100) -> float:
        optimizer = SGD([self.weight], lr=1.0)
        loop = Loop(
            step=self._step,
            weigh=lambda batch: float(len(batch)),
            batches=Once(),
            optimizer=optimizer,
            schedule=build_schedule("constant", optimizer, epochs),
            modes=self,
            clip=100.0,
        )
        run_epochs(
            loop,
            epochs,
            validate=None if self._scores is None else self._validate,
            best=self.best,
            patience=patience,
            record=self.rows.append,
        )
        return float(self.weight.detach())

    def _step(self, batch: Batch) -> Tensor:
        return -self.weight + self.weight.detach() + next(self._losses, 1.0)

    def _validate(self) -> dict[str, float]:
        assert self._scores is not None
        return {"loss": next(self._scores), "accuracy": 0.5}

    def train(self) -> None:
        self.modes += "t"

    def begin_again(self) -> None:
        self.modes += "a"

    def evaluate(self) -> None:
        self.modes += "e"

    def _finite(self) -> bool:
        return bool(self.weight.isfinite())

    def _take(self) -> Json:
        return {"weight": self.weight.detach().clone()}

    def _restore(self, weights: Json) -> None:
        with torch.no_grad():
            self.weight.copy_(weights["weight"])


def test_the_best_epochs_weights_are_put_back() -> None:
    walk = Walk([3.0, 1.0, 2.0, 1.0, 5.0])
    assert walk.run(5) == 2.0  # of two equal ones the first
    assert walk.best.epoch == 2
    assert walk.modes == "te" * 5


def test_without_validation_the_last_weights_stay() -> None:
    walk = Walk(None)
    assert walk.run(4) == 4.0
    assert walk.best.epoch == 4


def test_patience_counts_epochs_without_a_better_loss() -> None:
    walk = Walk([3.0, 1.0, 2.0, 2.0, 0.1, 9.0])
    assert walk.run(6, patience=2) == 2.0
    assert len(walk.rows) == 4
    walk = Walk([3.0, 1.0, 2.0, 2.0, 0.1, 9.0])
    assert walk.run(6, patience=3) == 5.0


def test_the_start_competes_where_it_was_offered() -> None:
    walk = Walk([3.0, 2.0, 2.5], start=1.0)
    assert walk.run(3) == 0.0
    assert walk.best.epoch == 0
    walk = Walk([3.0, 0.5, 2.5], start=1.0)
    assert walk.run(3) == 2.0


def test_every_epoch_is_recorded() -> None:
    walk = Walk([3.0, 2.0], losses=[7.0, 6.0])
    walk.run(2)
    for number, row in enumerate(walk.rows, start=1):
        assert row.pop("seconds") >= 0
        assert row == {
            "epoch": number,
            "loss": 8.0 - number,
            "validation_loss": 4.0 - number,
            "validation_accuracy": 0.5,
            "lr": 1.0,
        }


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_in_the_first_epoch_is_an_error(bad: float) -> None:
    with pytest.raises(DivergenceError) as caught:
        Walk([1.0], losses=[bad]).run(3)
    assert f"{bad}" in caught.value.found
    assert "--lr" in caught.value.next


def test_a_later_one_leaves_the_best_weights_and_says_why() -> None:
    walk = Walk([2.0, 1.0], losses=[1.0, 1.0, math.nan])
    assert walk.run(9) == 2.0
    assert [row["epoch"] for row in walk.rows] == [1, 2, 3]
    assert "nan" in walk.rows[-1]["stopped"]


def test_a_start_that_was_kept_survives_a_divergence_at_once() -> None:
    walk = Walk([1.0], losses=[math.nan], start=5.0)
    assert walk.run(3) == 0.0


@pytest.mark.parametrize("epochs", [1, 3])
def test_weights_whose_validation_loss_is_never_finite_are_no_result(epochs: int) -> None:
    """The last step may break the weights after the last training loss was still finite."""
    with pytest.raises(DivergenceError, match="validation"):
        Walk([math.nan] * epochs).run(epochs)


def test_weights_that_are_not_finite_never_win() -> None:
    walk = Walk(None)
    for epoch, weight in ((1, 1.0), (2, math.inf)):
        walk.best.restore({"weight": torch.tensor(weight)})
        walk.best.offer(epoch, {"loss": 0.5})
    walk.best.put_back()
    assert walk.best.epoch == 1
    assert walk.best.take() == {"weight": torch.tensor(1.0)}


def test_without_validation_nothing_is_copied_and_only_finite_weights_are_a_result() -> None:
    walk = Walk(None)
    for epoch, weight in ((1, 1.0), (2, 2.0)):
        walk.best.restore({"weight": torch.tensor(weight)})
        walk.best.offer(epoch, {})
    assert walk.best.weights is None
    walk.best.put_back()
    assert (walk.best.epoch, float(walk.weight.detach())) == (2, 2.0)
    walk.best.restore({"weight": torch.tensor(math.inf)})
    with pytest.raises(DivergenceError):
        walk.best.put_back()


def test_a_validation_loss_that_is_not_finite_never_wins() -> None:
    assert Walk([2.0, math.nan, math.inf]).run(3) == 1.0
    assert Walk([math.nan, 2.0]).run(2) == 2.0
