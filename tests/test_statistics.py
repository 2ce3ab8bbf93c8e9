"""BatchNorm's statistics, taken anew."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.statistics import STATISTICS_BATCHES, retake_statistics


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


def test_everything_else_computes_in_evaluation_mode() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
    network.train()
    assert retake_statistics(network, network, drawn(3)) == 1
    plain = nn.BatchNorm1d(4)
    retake_statistics(plain, plain, drawn(3))
    assert torch.equal(network.state_dict()["1.running_mean"], plain.state_dict()["running_mean"])
    assert not any(module.training for module in network.modules())
