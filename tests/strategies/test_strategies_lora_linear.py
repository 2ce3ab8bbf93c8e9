"""The fused layer with a low-rank update computes what peft's own does."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from torch import Tensor, nn

from graft.strategies.lora import fused_linear
from graft.strategies.lora_linear import updated


def layers(*, bias: bool) -> tuple[nn.Module, nn.Module]:
    """peft's layer and the fused one, with equal weights that are not 0."""
    torch.manual_seed(0)
    config = LoraConfig(r=3, lora_alpha=16)
    base = nn.Linear(5, 4, bias=bias).requires_grad_(False)
    plain = Linear(base, "default", config, r=3, lora_alpha=16)
    kind: Any = fused_linear()
    fused: nn.Module = kind(copy.deepcopy(base), "default", config, r=3, lora_alpha=16)
    up: Any = plain.lora_B["default"].weight
    nn.init.normal_(up)
    fused.load_state_dict(plain.state_dict())
    return plain, fused


def answers(layer: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Outputs, and gradients of inputs and adapters."""
    x = inputs.clone().requires_grad_()
    outputs: Tensor = layer(x)
    outputs.sin().sum().backward()
    moving = [p for p in layer.parameters() if p.requires_grad]
    assert len(moving) == 2
    gradients = [t.grad for t in (x, *moving)]
    return [outputs.detach(), *(g for g in gradients if g is not None)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (2, 7), (2, 3, 7)])
def test_outputs_and_gradients_are_those_of_peft(shape: tuple[int, ...], bias: bool) -> None:
    plain, fused = layers(bias=bias)
    inputs = torch.randn(*shape[:-1], 5)
    expected, found = answers(plain, inputs), answers(fused, inputs)
    assert len(expected) == len(found) == 4
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one)


def test_gradients_agree_with_differences() -> None:
    torch.manual_seed(1)
    x, weight, bias, down, up = (
        torch.randn(shape, dtype=torch.float64)
        for shape in ((2, 3, 5), (4, 5), (4,), (2, 5), (4, 2))
    )
    moving = [tensor.requires_grad_() for tensor in (x, down, up)]
    assert torch.autograd.gradcheck(
        lambda x, down, up: updated(x, weight, bias, down, up, 0.7), moving
    )


def test_merged_it_is_a_plain_layer() -> None:
    plain, fused = layers(bias=True)
    inputs = torch.randn(2, 5)
    expected = fused(inputs)
    fused.merge()  # type: ignore[operator]
    torch.testing.assert_close(fused(inputs), expected)
    torch.testing.assert_close(fused.get_base_layer()(inputs), expected)  # type: ignore[operator]
    torch.testing.assert_close(plain(inputs), expected)
