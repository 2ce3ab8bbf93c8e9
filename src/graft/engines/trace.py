"""A frozen prefix as a graph of tensor operations, without its modules and its Python.

The graph is functional: nothing in it writes into a tensor that something else reads, so that a
later pass sees every use of every value. It holds the prefix's own weights, not copies.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from graft.engines.failure import EngineFailed
from graft.engines.record import Recorder
from graft.memory import ran_out


def trace(prefix: nn.Module, inputs: Tensor) -> GraphModule:
    """Record what the prefix computes for a batch of this size, and compute constants once.

    Args:
        prefix: Deterministic, without gradients.
        inputs: (B, ...) a real batch; the graph takes no other shape.

    Raises:
        EngineFailed: The forward pass depends on the values, or runs what cannot be recorded.
    """
    recorder = Recorder(prefix)
    try:
        with torch.no_grad():
            graph = recorder.record(inputs)
            _compute_constants(graph)
    except EngineFailed:
        raise
    except Exception as problem:  # whatever a foreign forward pass raises, eager still runs it
        if ran_out(problem):
            raise
        raise EngineFailed("its forward pass cannot be recorded", problem) from problem
    return graph


def constant(graph: GraphModule, node: object) -> Tensor | None:
    """The tensor that a node stands for, where it is a weight or another constant."""
    if isinstance(node, Node) and node.op == "get_attr":
        value = getattr(graph, str(node.target))
        return value if isinstance(value, Tensor) else None
    return None


def add_constant(graph: GraphModule, name: str, value: Tensor, before: Node) -> Node:
    """A node for a tensor of the graph's own."""
    graph.register_buffer(name, value.detach(), persistent=False)
    with graph.graph.inserting_before(before):
        node = graph.graph.get_attr(name)
    node.meta["val"] = value
    return node


def finish(graph: GraphModule) -> GraphModule:
    """Drop what nothing uses and compile the graph's Python anew."""
    graph.graph.eliminate_dead_code()
    graph.delete_all_unused_submodules()
    _drop_unused_constants(graph)
    graph.recompile()
    return graph


def shape_of(node: object) -> tuple[int, ...] | None:
    """Shape of a node's value, where that is a tensor."""
    value = node.meta.get("val") if isinstance(node, Node) else None
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _drop_unused_constants(graph: GraphModule) -> None:
    used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [n for n, _ in graph.named_buffers(recurse=False) if n not in used]:
        delattr(graph, name)


def _compute_constants(graph: GraphModule) -> None:
    """Replace what depends on weights alone by its value: standardised weights, position grids."""
    values: dict[Node, Any] = {}
    for node in graph.graph.nodes:
        found = constant(graph, node)
        if found is not None:
            values[node] = found
        elif _depends_on(node, values):
            arguments, named = map_arg((node.args, node.kwargs), lambda at: values[at])
            values[node] = node.target(*arguments, **named)
    for number, (node, value) in enumerate(values.items()):
        frontier = node.op == "call_function" and not set(node.users) <= set(values)
        if frontier and isinstance(value, Tensor):
            node.replace_all_uses_with(add_constant(graph, f"_constant{number}", value, node))
    finish(graph)


def _depends_on(node: Node, values: dict[Node, Any]) -> bool:
    """Whether the node can be computed from these alone, with the same outcome every time."""
    if node.op != "call_function" or not all(at in values for at in node.all_input_nodes):
        return False
    tags = getattr(node.target, "tags", ())
    return torch.Tag.nondeterministic_seeded not in tags
