"""Recording: the tensor operations of one forward pass, as they reach the device.

`torch.fx.experimental.proxy_tensor.make_fx` records the same graph, but loads PyTorch's compiler
for it and works out every shape in Python: three seconds of processor time for a ResNet50, a
fifth of what a whole run on a few thousand small pictures takes. Here the operations really run,
except for the dear ones: only shapes count, so zeros stand for their outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import getitem
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from graft.engines.failure import EngineFailed

# What a graph cannot hold: shapes and Python values that depend on the values of tensors.
_BY_VALUE = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
aten = torch.ops.aten
Shape = Sequence[int]


def convolved(images: Tensor, weight: Tensor, *geometry: Any) -> Shape | None:
    """Shape of `aten.convolution`'s output; None of a transposed one.

    >>> weight = torch.zeros(8, 3, 3, 3)
    >>> convolved(torch.zeros(2, 3, 9, 9), weight, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1)
    (2, 8, 5, 5)
    """
    _, stride, padding, dilation, transposed, _, _ = geometry
    if transposed:
        return None
    sides = zip(images.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    spatial = [(i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d in sides]
    return (len(images), len(weight), *spatial)


# Operations that cost more than all others, and the shapes of their outputs.
_DEAR: Mapping[object, Callable[..., Shape | None]] = MappingProxyType(
    {
        aten.convolution.default: convolved,
        aten.addmm.default: lambda _bias, left, right, **_: (len(left), right.shape[1]),
        aten.mm.default: lambda left, right: (len(left), right.shape[1]),
        aten.bmm.default: lambda left, right: (*left.shape[:2], right.shape[2]),
    }
)


class Recorder(TorchDispatchMode):
    """Runs a prefix once and writes down what it computes.

    In-place operations are made functional on the way here, so that nothing in the graph writes
    into a tensor that something else reads. No activation is kept alive: what is known of it is
    forgotten when it is freed.

    Args:
        prefix: Deterministic, without gradients.
    """

    def __init__(self, prefix: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._prefix = prefix
        self._root = nn.Module()
        self._graph = Graph()
        self._nodes: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._constants = 0

    def record(self, inputs: Tensor) -> GraphModule:
        """The graph for batches of this shape.

        Raises:
            EngineFailed: It depends on the values of the inputs.
        """
        alias = inputs.detach()  # its own identity, whatever else holds the batch
        entry = self._graph.placeholder("inputs")
        self._note(alias, entry)
        with self:
            output = torch.func.functionalize(self._prefix)(alias)
        if not isinstance(output, Tensor):
            raise EngineFailed("it gives more than one tensor")
        self._graph.output(self._node(output))
        return GraphModule(self._root, self._graph)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute an operation, and note it."""
        named = dict(kwargs or {})
        if _by_value(func, args):
            raise EngineFailed("its forward pass depends on the values of its inputs")
        result = _outcome(func, args, named)
        node = self._graph.call_function(
            func,
            tree_map_only(Tensor, self._node, args),
            tree_map_only(Tensor, self._node, named),
        )
        if isinstance(result, Tensor):
            self._note(result, node)
        elif isinstance(result, (tuple, list)):
            for place, part in enumerate(result):
                if isinstance(part, Tensor):
                    self._note(part, self._graph.call_function(getitem, (node, place)))
        return result

    def _note(self, tensor: Tensor, node: Node) -> None:
        """From now on this node stands for the tensor."""
        with torch._C._DisableTorchDispatch():
            node.meta["val"] = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta"
            )
        self._nodes[tensor] = node

    def _node(self, tensor: Tensor) -> Node:
        """The node of a tensor: of what computed it, or a constant."""
        known: Node | None = self._nodes.get(tensor)
        if known is not None:
            return known
        name = f"_recorded{self._constants}"
        self._constants += 1
        self._root.register_buffer(name, tensor.detach(), persistent=False)
        node = self._graph.get_attr(name)
        self._note(tensor, node)
        return node


def _by_value(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether a shape or a Python value would come of the values of tensors."""
    if func is aten.index.Tensor:  # of masks alone; indices are as good as any other number
        masks = (torch.bool, torch.uint8)
        return any(index is not None and index.dtype in masks for index in args[1])
    return any(tag in func.tags for tag in _BY_VALUE)


def _outcome(func: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """What an operation gives, or zeros of the same shape where that is dear."""
    shape_of = _DEAR.get(func)
    shape = shape_of(*args, **named) if shape_of else None
    if shape is None:
        return func(*args, **named)
    like = next(argument for argument in args if isinstance(argument, Tensor))
    return like.new_zeros(*shape)
