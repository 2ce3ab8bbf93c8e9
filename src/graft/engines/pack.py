"""Packing: convolution weights in oneDNN's own layout, with what follows fused into them.

The operations are those that PyTorch's compiler emits for CPUs. They are private, so a packed
graph is only used after its answers were compared with eager ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch.fx import GraphModule, Node

from graft.engines.failure import EngineFailed
from graft.engines.fold import CONVOLUTION, FRESH, aten, in_place
from graft.engines.trace import add_constant, constant, shape_of
from graft.memory import ran_out

# What oneDNN can apply to a convolution's output on its way to memory.
_ACTIVATIONS: Mapping[Callable[..., Any], str] = MappingProxyType(
    {
        aten.relu.default: "relu",
        aten.hardswish.default: "hardswish",
        aten.hardsigmoid.default: "hardsigmoid",
        aten.silu.default: "swish",
    }
)


def can_pack() -> bool:
    """Whether this build of PyTorch has oneDNN's operations."""
    return bool(torch.backends.mkldnn.is_available()) and hasattr(
        torch._C._nn, "mkldnn_reorder_conv2d_weight"
    )


def pack(graph: GraphModule) -> GraphModule:
    """Replace every float32 convolution of a folded graph.

    Raises:
        EngineFailed: An operation is missing, or there is nothing to pack.
    """
    try:
        packed = _pack_all(graph)
    except (AttributeError, RuntimeError, TypeError) as problem:
        if ran_out(problem):
            raise
        raise EngineFailed("oneDNN does not take one of its convolutions", problem) from problem
    if not packed:
        raise EngineFailed("it has no convolution to pack")
    return in_place(graph, FRESH | {node.target for node in packed})


def _pack_all(graph: GraphModule) -> list[Node]:
    packed: list[Node] = []
    known: set[Node] = set()
    for node in list(graph.graph.nodes):
        if _fits(graph, node):
            packed.append(_pack(graph, node, known))
            known.add(packed[-1])
        known.add(node)
    return packed


def _fits(graph: GraphModule, node: Node) -> bool:
    if node.target is not CONVOLUTION or node.args[6]:
        return False
    weight = constant(graph, node.args[1])
    return weight is not None and weight.ndim == 4 and weight.dtype == torch.float32


def _pack(graph: GraphModule, conv: Node, known: set[Node]) -> Node:
    inputs, weight, bias, stride, padding, dilation, _, _, groups = conv.args
    tensor = constant(graph, weight)
    assert tensor is not None
    geometry: tuple[Any, ...] = (padding, stride, dilation, groups)
    reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
    laid_out = reorder(tensor.detach().to_mkldnn(), *geometry, list(shape_of(inputs) or ()))
    other, last = _addend(conv, known)
    activation, last = _activation(last)
    with graph.graph.inserting_before(conv):
        packed = add_constant(graph, f"_packed_{conv.name}", laid_out, conv)
        if other is None:
            call = torch.ops.mkldnn._convolution_pointwise.default
            tail: tuple[Any, ...] = (activation or "none", [], "")
            new = graph.graph.call_function(call, (inputs, packed, bias, *geometry, *tail))
        else:
            call = torch.ops.mkldnn._convolution_pointwise.binary
            tail = ("add", 1.0, activation, [], None)
            new = graph.graph.call_function(call, (inputs, other, packed, bias, *geometry, *tail))
    new.meta["val"] = last.meta["val"]
    last.replace_all_uses_with(new)
    return new


def _addend(conv: Node, known: set[Node]) -> tuple[Node | None, Node]:
    """What is added to the convolution's output, if that is its only use and `known` before it."""
    (user, *more) = [*conv.users] or [conv]
    if more or user.target is not aten.add.Tensor or user.kwargs:
        return None, conv
    first, second = user.args
    other = second if first is conv else first
    if isinstance(other, Node) and other in known and shape_of(other) == shape_of(conv):
        return other, user
    return None, conv


def _activation(node: Node) -> tuple[str | None, Node]:
    """The activation that is the node's only use."""
    (user, *more) = [*node.users] or [node]
    name = None if more else _ACTIVATIONS.get(user.target)  # type: ignore[arg-type]
    return (None, node) if name is None else (name, user)
