"""Folding: BatchNorm into the convolution before it, channels last, activations in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from graft.engines.trace import add_constant, constant, finish, shape_of

aten = torch.ops.aten
CONVOLUTION = aten.convolution.default
# Where each operation of batch normalisation has its epsilon, and where it says that it trains.
_NORMS: Mapping[Callable[..., Any], tuple[int, int | None]] = MappingProxyType(
    {
        aten.native_batch_norm.default: (7, 5),
        aten.cudnn_batch_norm.default: (7, 5),
        aten.miopen_batch_norm.default: (7, 5),
        aten._native_batch_norm_legit_no_training.default: (6, None),
    }
)
_IN_PLACE: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        aten.relu.default: aten.relu_.default,
        aten.hardtanh.default: aten.hardtanh_.default,
        aten.hardswish.default: aten.hardswish_.default,
        aten.hardsigmoid.default: aten.hardsigmoid_.default,
        aten.silu.default: aten.silu_.default,
        aten.add.Tensor: aten.add_.Tensor,
        aten.mul.Tensor: aten.mul_.Tensor,
    }
)
# Operations whose output is memory of its own.
FRESH = frozenset({CONVOLUTION, aten.addmm.default, *_IN_PLACE, *_IN_PLACE.values()})


def fold(graph: GraphModule) -> GraphModule:
    """Fold every BatchNorm whose input is one convolution's output and has no other use.

    With `s = gamma / sqrt(variance + epsilon)`: weight `s * W`, bias `s * (b - mean) + beta`,
    computed in float64. The graph's own tensors change, the network's never.
    """
    for node in list(graph.graph.nodes):
        if node.target in _NORMS:
            _fold_norm(graph, node)
    finish(graph)
    for node in list(graph.graph.nodes):
        if node.target is CONVOLUTION:
            _channels_last(graph, node)
    return finish(graph)


def in_place(graph: GraphModule, fresh: frozenset[object] = FRESH) -> GraphModule:
    """Let operations write into an input that is fresh and that nothing else reads."""
    finish(graph)  # a dead operation must not come to life again by writing into something
    for node in graph.graph.nodes:
        first = node.args[0] if node.target in _IN_PLACE else None
        if not isinstance(first, Node) or first.target not in fresh or len(first.users) != 1:
            continue
        if _same_kind(first, node) and first not in node.args[1:]:
            node.target = _IN_PLACE[node.target]
    return finish(graph)


def _same_kind(first: Node, second: Node) -> bool:
    one, two = first.meta.get("val"), second.meta.get("val")
    return (
        isinstance(one, Tensor)
        and isinstance(two, Tensor)
        and shape_of(first) == shape_of(second)
        and one.dtype == two.dtype
    )


def _fold_norm(graph: GraphModule, norm: Node) -> None:
    conv = norm.args[0]
    if not isinstance(conv, Node) or conv.target is not CONVOLUTION or len(conv.users) != 1:
        return
    epsilon_at, trains_at = _NORMS[norm.target]  # type: ignore[index]
    weight, bias = (_exact(graph, at) for at in conv.args[1:3])
    gamma, beta, mean, variance = (_exact(graph, at) for at in norm.args[1:5])
    trains, transposed = trains_at is not None and norm.args[trains_at], conv.args[6]
    if weight is None or mean is None or variance is None or trains or transposed:
        return
    scale = 1 / torch.sqrt(variance + float(norm.args[epsilon_at]))  # type: ignore[arg-type]
    scale = scale if gamma is None else scale * gamma
    shift = (-mean if bias is None else bias - mean) * scale
    shift = shift if beta is None else shift + beta
    like = constant(graph, conv.args[1])
    assert like is not None
    for at, name, value in (
        (1, "weight", weight * scale.reshape(-1, *[1] * (weight.ndim - 1))),
        (2, "bias", shift),
    ):
        node = add_constant(graph, f"_folded_{name}_{norm.name}", value.to(like), conv)
        conv.update_arg(at, node)
    for user in list(norm.users):
        if user.target is operator.getitem and user.args[1] == 0:
            user.replace_all_uses_with(conv)


def _exact(graph: GraphModule, node: object) -> Tensor | None:
    """A constant in float64, on the CPU: not every device has the type."""
    value = constant(graph, node)
    return None if value is None else value.detach().cpu().double()


def _channels_last(graph: GraphModule, conv: Node) -> None:
    weight = constant(graph, conv.args[1])
    if weight is not None and weight.ndim == 4:
        laid_out = weight.detach().contiguous(memory_format=torch.channels_last)
        conv.update_arg(1, add_constant(graph, f"_last_{conv.name}", laid_out, conv))
