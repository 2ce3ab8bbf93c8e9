"""Modes: what trains and what answers, and the statistics that go with each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graft.training.modes import STATISTICS_BATCHES, retake_statistics
from graft.training.optimizer import OPTIMIZERS


def drawn(batches: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [3 + 2 * torch.randn(16, 4, generator=generator) for _ in range(batches)]


def test_statistics_become_those_of_the_batches() -> None:
    norm = nn.BatchNorm1d(4)
    batches = drawn(5)
    retake_statistics(norm, norm, batches)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    variance = torch.stack([batch.var(0) for batch in batches]).mean(0)
    assert torch.allclose(norm.running_mean, mean)
    assert torch.allclose(norm.running_var, variance, rtol=1e-5)
    assert norm.momentum == 0.1


def test_only_layers_in_training_mode_and_only_some_batches() -> None:
    norm = nn.BatchNorm1d(4).eval()
    retake_statistics(norm, norm, drawn(2))
    assert torch.equal(norm.state_dict()["running_mean"], torch.zeros(4))
    norm.train()
    many = iter(drawn(STATISTICS_BATCHES + 3))
    retake_statistics(norm, norm, many)
    assert len(list(many)) == 3


def test_schedule_free_answers_with_an_average_that_a_constant_rate_takes_to_the_minimum() -> None:
    """On f(x) = x^2 / 2 with noise the average converges where the iterate wanders."""
    weight = nn.Parameter(torch.tensor([5.0]))
    optimizer = OPTIMIZERS["schedule-free"].build([{"params": [weight], "weight_decay": 0.0}], 0.1)
    generator = torch.Generator().manual_seed(0)
    optimizer.train()  # type: ignore[attr-defined]
    for _ in range(2000):
        weight.grad = weight.detach() + torch.randn(1, generator=generator)
        optimizer.step()
    optimizer.eval()  # type: ignore[attr-defined]
    found = weight.detach().clone()
    optimizer.eval()  # type: ignore[attr-defined]
    assert torch.equal(weight, found)  # twice is once
    assert float(found.abs()) < 0.2
    assert float(optimizer.state[weight]["z"].abs()) == pytest.approx(0, abs=2)
