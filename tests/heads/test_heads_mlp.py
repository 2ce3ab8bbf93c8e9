"""Hidden layers in the head."""

from __future__ import annotations

import pytest
import torch

from graft.heads.mlp import MLPHead


@pytest.mark.parametrize(
    ("hidden", "parameters"),
    [((7,), 5 * 7 + 7 + 7 * 3 + 3), ((7, 2), 5 * 7 + 7 + 7 * 2 + 2 + 2 * 3 + 3)],
)
def test_the_widths_are_those_asked_for(hidden: tuple[int, ...], parameters: int) -> None:
    head = MLPHead(5, 3, hidden=hidden)
    assert sum(parameter.numel() for parameter in head.parameters()) == parameters


def test_hidden_units_are_rectified() -> None:
    head = MLPHead(2, 1, hidden=(1,))
    head.set_layers(
        [(torch.tensor([[1.0, 0.0]]), torch.zeros(1)), (torch.tensor([[2.0]]), torch.ones(1))]
    )
    assert head(torch.tensor([[3.0, 9.0], [-3.0, 9.0]])).tolist() == [[7.0], [1.0]]


def test_every_layer_receives_a_gradient() -> None:
    head = MLPHead(5, 3, hidden=(8, 6))
    head(torch.randn(4, 5)).sum().backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
