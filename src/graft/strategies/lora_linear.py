"""A linear layer with a low-rank update, computed without passes over memory that a CPU waits for.

Written out as operations, `W x + s B A x` makes the output three times and its gradient four
times; here both products are added to one result, in the forward pass and in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function


def waits_for_memory(x: Tensor, weight: Tensor) -> bool:
    """Whether `updated` is worth while: on a CPU, in one precision."""
    return (
        x.device.type == "cpu" and x.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")
    )


def updated(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
) -> Tensor:
    """`x (W + scale * up down)^T + bias`, with gradients for x, down and up alone.

    Args:
        x: (..., I).
        weight: (O, I), frozen.
        bias: (O,), frozen, or None.
        down: (R, I).
        up: (O, R).
        scale: Factor on the update.

    Returns:
        (..., O).
    """
    found: Tensor = _Updated.apply(x, weight, bias, down, up, scale)
    return found


class _Updated(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        low = rows @ down.T
        found = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
        found.addmm_(low, up.T, alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scale = scale
        return found.reshape(*x.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, down, up, low = ctx.saved_tensors
        above = grad.reshape(-1, grad.shape[-1])
        middle = (above @ up).mul_(ctx.scale)
        by_up = (above.T @ low).mul_(ctx.scale)
        by_down = middle.T @ rows
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = (above @ weight).addmm_(middle, down)
            by_x = by_x.reshape(*grad.shape[:-1], weight.shape[1])
        return by_x, None, None, by_down, by_up, None
