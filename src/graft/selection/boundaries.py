"""What every block gives on, pooled to one vector per picture, in a single forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone
from graft.backbones.calls import Call, Handler, evaluation, intercepted, record


def boundary_calls(backbone: Backbone) -> tuple[Call, ...]:
    """For each depth 1 ... B - 1 the last call of a module that is wholly in the blocks before it.

    Its output is what a frozen prefix of that depth gives to the rest.

    Raises:
        CallsVary: The forward pass depends on the batch size.
    """
    like = next(backbone.parameters())
    few, many = (backbone.dry_inputs(rows).to(like.device) for rows in (2, 3))
    calls = [call for call in record(backbone.model, few, many) if call.rows]
    named = dict(chain(backbone.model.named_parameters(), backbone.model.named_buffers()))
    frozen: set[int] = set()
    found: list[Call] = []
    for block in backbone.blocks[:-1]:
        frozen |= {id(named[name]) for name in block.tensors}
        inside = [call for call in calls if _lies_in(call.module, frozen)]
        if inside:
            found.append(max(inside, key=lambda call: call.order))
        else:  # nothing of the block alone returns a row per picture: as deep as before
            found += found[-1:] or [calls[0]]
    return tuple(found)


def _lies_in(module: nn.Module, frozen: set[int]) -> bool:
    parameters = {id(parameter) for parameter in module.parameters()}
    tensors = parameters | {id(buffer) for buffer in module.buffers()}
    return bool(parameters) and tensors <= frozen


class PooledBlocks(nn.Module):
    """Pictures to the pooled outputs of all blocks, side by side; the last is the backbone's own.

    Maps (B, C, H, W) are averaged over positions, tokens (B, T, D) over tokens.

    Args:
        backbone: In evaluation mode.

    Attributes:
        widths: Features of each depth 1 ... B, in order.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self._calls = boundary_calls(backbone)
        self._channels_last = getattr(backbone.model, "output_fmt", "NCHW") == "NHWC"
        shapes = [call.shape for call in self._calls if call.shape is not None]
        widths = [shape[self._channel_axis(len(shape))] for shape in shapes]
        self.widths = (*widths, backbone.num_features)

    def forward(self, images: Tensor) -> Tensor:
        """(B, sum of widths) float32."""
        listener = _Listener(self._calls)
        modules = {call.module for call in self._calls}
        with evaluation(self.backbone), torch.no_grad(), intercepted(modules, listener):
            last = self.backbone(images)
        pooled = [self._pool(values, len(images)) for values in listener.in_order(self._calls)]
        return torch.cat([*pooled, last.float()], dim=1)

    def _channel_axis(self, dimensions: int) -> int:
        return 1 if dimensions == 4 and not self._channels_last else dimensions - 1

    def _pool(self, values: Tensor, pictures: int) -> Tensor:
        moved = values.float().movedim(self._channel_axis(values.ndim), -1)
        return moved.reshape(pictures, -1, moved.shape[-1]).mean(dim=1)


class _Listener(Handler):
    """Keeps the outputs of the calls that are asked for."""

    def __init__(self, calls: Sequence[Call]) -> None:
        super().__init__()
        self._wanted = {(call.module, call.index) for call in calls}
        self._kept: dict[tuple[nn.Module, int], Tensor] = {}

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        key = module, self.next_index(module)
        output = run()
        if key in self._wanted:
            self._kept[key] = output.clone()  # what follows may write into it
        return output

    def in_order(self, calls: Sequence[Call]) -> list[Tensor]:
        """The outputs of these calls."""
        return [self._kept[call.module, call.index] for call in calls]
