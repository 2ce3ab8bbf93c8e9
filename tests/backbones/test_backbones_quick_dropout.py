"""Dropout that a CPU draws four at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.backbones.quick_dropout import LEVELS, QuickDropout, draw_dropout_quickly
from graft.backbones.text_names import minilm_folder
from graft.backbones.transformers_models import load_encoder


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_many_elements_fall_out_as_the_probability_says(p: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 1001)  # not a multiple of four
    found = QuickDropout(p).train()(x)
    kept = found != 0
    spread = (p * (1 - p)) ** 0.5
    for part in (kept, kept.flatten()[::4], kept.flatten()[3::4], kept[:, 0], kept[-1]):
        share = float(part.float().mean())
        assert abs(share - (1 - p)) < 4 * spread / part.numel() ** 0.5 + 1 / LEVELS
    exact = LEVELS / (LEVELS - round(p * LEVELS))
    assert torch.allclose(found[kept], torch.tensor(exact))
    assert abs(exact * (1 - p) - 1) < 1e-3


def test_neighbours_fall_out_independently() -> None:
    torch.manual_seed(0)
    kept = (QuickDropout(0.5).train()(torch.ones(1 << 18)) != 0).float() - 0.5
    for distance in (1, 2, 3, 4, 5, 8):
        assert abs(float((kept[:-distance] * kept[distance:]).mean()) * 4) < 0.01


def test_gradients_pass_where_elements_stay() -> None:
    torch.manual_seed(0)
    x = torch.ones(64, 64, requires_grad=True)
    found = QuickDropout(0.3).train()(x)
    found.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, found.detach())


def test_the_generators_state_decides() -> None:
    drop, x = QuickDropout(0.1).train(), torch.ones(1000)
    torch.manual_seed(3)
    first = drop(x)
    state = torch.get_rng_state()
    second = drop(x)
    torch.set_rng_state(state)
    assert torch.equal(drop(x), second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_nothing_or_everything_falls_out(p: float) -> None:
    x = torch.ones(9)
    assert torch.equal(QuickDropout(p).train()(x), x * (1 - p))


def test_evaluation_changes_nothing() -> None:
    x = torch.randn(9)
    assert QuickDropout(0.5).eval()(x) is x


def test_every_dropout_of_an_encoder_is_exchanged_and_no_tensor_with_it() -> None:
    model = load_encoder(str(minilm_folder()), name="minilm")
    names, probabilities = [*model.state_dict()], [*_probabilities(model)]
    draw_dropout_quickly(model)
    drops = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert drops
    assert all(type(module) is QuickDropout and not module.training for module in drops)
    assert [*model.state_dict()] == names
    assert [*_probabilities(model)] == probabilities


def _probabilities(model: nn.Module) -> list[float]:
    return [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
