"""Modes: what trains and what answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.training.optimizer import OPTIMIZERS


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
