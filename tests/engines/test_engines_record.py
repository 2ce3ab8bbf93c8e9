"""Claims about recording: the same function, no writes, shapes only, and nothing by value."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graft.engines.failure import EngineFailed
from graft.engines.record import Recorder, convolved


class Plain(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu_(self.norm(self.conv(images)))
        x[:, 0] += 1.0
        return self.function(self.linear(x.mean((2, 3))))


@pytest.fixture(autouse=True)
def _no_gradients() -> None:
    torch.manual_seed(0)


def record(module: nn.Module, inputs: Tensor) -> torch.fx.GraphModule:
    with torch.no_grad():
        return Recorder(module.eval()).record(inputs)


IMAGES = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x,
        lambda x: torch.split(x, [2, 3], dim=1)[1],
        lambda x: x[:, torch.tensor([0, 3])],
        lambda x: x.bfloat16().float() + torch.arange(5),
    ],
)
def test_the_graph_is_the_same_function(function: Callable[[Tensor], Tensor]) -> None:
    module = Plain(function)
    graph, kept = record(module, IMAGES), IMAGES.clone()
    with torch.no_grad():
        for images in (IMAGES, torch.rand(2, 3, 8, 8)):
            torch.testing.assert_close(graph(images), module(images))
    assert torch.equal(IMAGES, kept)
    mutable = [n for n in graph.graph.nodes if getattr(n.target, "_schema", None)]
    assert not any(node.target._schema.is_mutable for node in mutable)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * float(x.sum()),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x[x > 0],
        lambda x: x[torch.nonzero(x[:, 0]).flatten()],
    ],
)
def test_what_depends_on_values_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(EngineFailed, match="values"):
        record(Plain(function), IMAGES)


def test_no_activation_is_kept_alive() -> None:
    seen: list[weakref.ref[Tensor]] = []

    def watch(x: Tensor) -> Tensor:
        between = x * 2
        seen.append(weakref.ref(between))
        return between + 1

    graph = record(Plain(watch), IMAGES)
    gc.collect()
    assert seen[0]() is None
    assert sum(b.numel() for b in graph.buffers()) == sum(
        t.numel() for t in [*Plain(watch).parameters(), *Plain(watch).buffers()] if t.ndim
    )


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 6, 3),
        nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(2, 1)),
        nn.Conv2d(3, 6, 5, padding="same", groups=3),
    ],
)
def test_shapes_of_convolutions(conv: nn.Conv2d) -> None:
    images = torch.zeros(2, 3, 17, 11)
    padding = (2, 2) if conv.padding == "same" else conv.padding
    geometry = (conv.stride, padding, conv.dilation, False, (0, 0), conv.groups)
    assert convolved(images, conv.weight, None, *geometry) == tuple(conv(images).shape)
    assert convolved(images, conv.weight, None, *geometry[:3], True, (0, 0), 1) is None
