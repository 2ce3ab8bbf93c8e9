"""The weights that move: copies of them, and their running average."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graft.network import Network
from graft.plan import Plan, movable
from graft.types import Json


class Average:
    """Averages tensors after every optimizer step, and answers in their place.

    Args:
        tensors: What is averaged, by name: aliases of the network's own memory. A tensor that is
            not of floating point (a counter of batches) is copied.
        kept: Number of steps taken, from 1, to the share of the old average that is kept.
    """

    def __init__(self, tensors: Mapping[str, Tensor], kept: Callable[[int], float]) -> None:
        self._pairs = [(tensor, tensor.detach().clone()) for tensor in tensors.values()]
        self._kept = kept
        self._steps = 0
        self._shown = False

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the present weights into the average."""
        self._steps += 1
        new = 1 - self._kept(self._steps)
        for tensor, mean in self._pairs:
            if mean.is_floating_point():
                mean.lerp_(tensor, new)
            else:
                mean.copy_(tensor)

    @torch.no_grad()
    def restart(self) -> None:
        """Begin again from the weights in training as they are now."""
        self.hide()
        self._steps = 0
        for tensor, mean in self._pairs:
            mean.copy_(tensor)

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        others = [other for _, other in self._pairs]
        return {"steps": self._steps, "shown": self._shown, "others": others}

    @torch.no_grad()
    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self._steps, self._shown = state["steps"], state["shown"]
        for (_, other), tensor in zip(self._pairs, state["others"], strict=True):
            other.copy_(tensor)

    def show(self) -> None:
        """Put the average in the network, and the weights in training aside; idempotent."""
        if not self._shown:
            self._swap()

    def hide(self) -> None:
        """Put the weights in training back; idempotent."""
        if self._shown:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for tensor, other in self._pairs:
            present = tensor.clone()
            tensor.copy_(other)
            other.copy_(present)
        self._shown = not self._shown


def moving(network: Network, plan: Plan) -> dict[str, Tensor]:
    """Every tensor that the plan lets move, by its name in the network; not copies."""
    names = {f"backbone.model.{name}" for name in movable(plan, network)}
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name in names or name.startswith("head.")
    }


def snapshot(network: Network, plan: Plan) -> Json:
    """Copies of every tensor that the plan lets move."""
    return {name: tensor.detach().clone() for name, tensor in moving(network, plan).items()}


def all_finite(network: Network, plan: Plan) -> bool:
    """Whether every tensor that the plan lets move is finite."""
    return all(bool(tensor.isfinite().all()) for tensor in moving(network, plan).values())
