"""The loss of classes with an order."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.objectives import Classification, Ordinal
from graft.objectives.ordinal import ranked_probability
from graft.types import Batch

MODEL = nn.Identity()


def sure(place: int, classes: int = 4) -> torch.Tensor:
    return 30.0 * nn.functional.one_hot(torch.tensor([place]), classes).float()


def test_a_sure_answer_costs_as_many_steps_as_it_is_off() -> None:
    for place in range(4):
        found = ranked_probability(sure(place), torch.tensor([1]))
        assert found.item() == pytest.approx(abs(place - 1), abs=1e-5)


def test_a_far_miss_costs_more_than_a_near_one_which_cross_entropy_does_not_see() -> None:
    near, far = (Batch(sure(place), torch.tensor([0])) for place in (1, 3))
    plain = Classification(4)(MODEL, near), Classification(4)(MODEL, far)
    assert plain[0]["cross_entropy"] == plain[1]["cross_entropy"]
    ordered = Ordinal(4)(MODEL, near), Ordinal(4)(MODEL, far)
    assert ordered[1]["ranked_probability"] > ordered[0]["ranked_probability"] + 1


def test_the_score_is_proper() -> None:
    """Its expectation is least where the probabilities are the true ones."""
    truth = torch.tensor([0.5, 0.2, 0.3])
    logits = truth.log().repeat(3, 1).requires_grad_()
    expected = (truth * ranked_probability(logits, torch.arange(3))).sum()
    (slope,) = torch.autograd.grad(expected, logits)
    assert slope.sum(0).abs().max() < 1e-6


def test_the_held_out_loss_is_the_training_loss() -> None:
    torch.manual_seed(0)
    objective = Ordinal(3, weights=torch.tensor([1.0, 2.0, 0.5]).numpy())
    batch = Batch(torch.randn(8, 3), torch.tensor([0, 1, 2, 2, 1, 0, 2, 1]))
    total = sum(objective(MODEL, batch).values())
    found = objective.score(MODEL, [batch])
    assert found["loss"] == pytest.approx(float(total))
    off = (batch.inputs.argmax(1) - batch.targets).abs().float()
    assert found["mae"] == pytest.approx(float(off.mean()))
