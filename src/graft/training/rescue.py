"""Self-rescue: what went wrong is undone, and the rate divided.

The loop reports every step; where the watch finds a fault, weights go back to the last good state,
the optimizer starts anew with a tenth of the rate, and the schedule begins again over the steps
that are left. So a rescue costs the steps since the last good state and no more.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graft.backbones.backbone import Backbone
from graft.backbones.load import RANDOM
from graft.errors import DivergenceError
from graft.network import Network
from graft.objectives import Objective
from graft.plan import Plan
from graft.training.loop import Loop
from graft.training.schedule import Schedule
from graft.training.watch import Level, Outputs, Watch, distance
from graft.types import Batch, Json

DIVISOR = 10.0
MOST_RESCUES = 4
KEEP = 50  # steps between two states that are kept


@dataclass(slots=True)
class Good:
    """A state worth going back to: the step, the loss there, and copies of the tensors."""

    step: int
    level: Level
    tensors: list[Tensor]


class Rescue:
    """Watches one phase and repairs it.

    Args:
        watch: Judges steps.
        pretrained: Weight matrices and filters of the backbone that train; empty where they are
            random to begin with.
        tensors: All that moves: parameters and buffers.
        optimizer: Over the parameters, before its first step.
        schedule: Of its rate.
        again: Called after weights went back, so that modes and averages follow.
        tell: Given one sentence per rescue.
    """

    def __init__(
        self,
        watch: Watch,
        pretrained: list[Tensor],
        tensors: list[Tensor],
        optimizer: Optimizer,
        schedule: Schedule,
        again: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self.count = 0
        self._watch = watch
        self._tensors = tensors
        places = {id(tensor): place for place, tensor in enumerate(tensors)}
        self._pretrained = [places[id(tensor)] for tensor in pretrained]
        self._optimizer = optimizer
        self._schedule = schedule
        self._again = again
        self._tell = tell
        self._fresh = copy.deepcopy(optimizer.state_dict())  # groups; there is no state yet
        self._step = 0
        self._good = Good(0, watch.level, [t.detach().clone() for t in tensors])

    def after_step(self, loss: float, norm: Tensor) -> bool:
        """Note a step that was just taken.

        Args:
            loss: Its mean loss.
            norm: () norm of its gradient.

        Returns:
            Whether weights went back.

        Raises:
            DivergenceError: It went wrong once more than it may. The weights are the last good
                ones.
        """
        self._step += 1
        fault = self._watch.see(loss, norm, self._moved)
        if fault is not None:
            self._go_back(fault)
            return True
        if self._step - self._good.step >= KEEP and self._watch.settled:
            self._keep()
        return False

    def _moved(self) -> float:
        now = [self._tensors[place] for place in self._pretrained]
        return distance(now, [self._good.tensors[place] for place in self._pretrained])

    @torch.no_grad()
    def _keep(self) -> None:
        for kept, tensor in zip(self._good.tensors, self._tensors, strict=True):
            kept.copy_(tensor)
        self._good.step, self._good.level = self._step, self._watch.level

    def _go_back(self, fault: str) -> None:
        self.restore()
        found = f"At step {self._step} {fault}"
        if self.count == MOST_RESCUES:
            raise DivergenceError(
                f"{found}; {MOST_RESCUES} rescues with ever smaller rates did not help",
                allowed="training in which the loss falls",
                next="choose a smaller --lr (graft lr suggests one), or look at the data",
            )
        self.count += 1
        self._optimizer.load_state_dict(self._fresh)
        self._schedule.restart(DIVISOR)
        self._watch.go_back(self._good.level)
        self._again()
        rate = self._schedule.peak()
        self._tell(f"{found}: back to step {self._good.step}, with rate {rate:.2g}.")

    @torch.no_grad()
    def restore(self) -> None:
        """Give everything that moves its last good values."""
        for kept, tensor in zip(self._good.tensors, self._tensors, strict=True):
            tensor.copy_(kept)

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        good = self._good
        return {
            "count": self.count,
            "step": self._step,
            "watch": self._watch.state(),
            "good": {
                "step": good.step,
                "level": [good.level.loss, good.level.noise],
                "tensors": good.tensors,
            },
        }

    @torch.no_grad()
    def resume(self, state: Json) -> None:
        """Be as it was when `state` was taken."""
        self.count, self._step = state["count"], state["step"]
        self._watch.resume(state["watch"])
        good = state["good"]
        self._good.step, self._good.level = good["step"], Level(*good["level"])
        for kept, tensor in zip(self._good.tensors, good["tensors"], strict=True):
            kept.copy_(tensor)


class _Nothing(nn.Module):
    """Outputs of the same shape, all 0."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.zeros_like(self._model(inputs))


@torch.no_grad()
def chance_loss(objective: Objective, model: nn.Module, batch: Batch) -> float:
    """The size of the loss of outputs that are all 0, as a scale for losses of any kind."""
    losses = objective(_Nothing(model), batch)
    return max(abs(float(torch.stack([*losses.values()]).sum())), 1e-6)


def pretrained_weights(plan: Plan, backbone: Backbone) -> list[Tensor]:
    """Matrices and filters of blocks that train; none where they are random to begin with.

    Biases and norms are left out: they are small, and may well move by their own size.
    """
    if backbone.origin == RANDOM:
        return []
    tensors = dict(backbone.model.named_parameters())
    names = [
        name
        for block, entry in zip(backbone.blocks, plan.blocks, strict=True)
        if entry.trains
        for name in block.tensors
        if name in tensors
    ]
    return [t for t in map(tensors.get, names) if t is not None and t.requires_grad and t.ndim > 1]


def start_rescue(
    plan: Plan,
    network: Network,
    suffix: nn.Module,
    objective: Objective,
    loop: Loop,
    outputs: Outputs,
    tell: Callable[[str], None],
) -> Rescue:
    """The self-rescue of a phase, before its first step; arguments as for `Rescue`."""
    first = next(iter(loop.batches.epoch(1)))
    network.eval()

    def again() -> None:
        loop.modes.begin_again()
        objective.begin()

    parameters = [p for group in loop.optimizer.param_groups for p in group["params"]]
    return Rescue(
        Watch(chance_loss(objective, suffix, first), outputs),
        pretrained=pretrained_weights(plan, network.backbone),
        tensors=[*parameters, *network.buffers()],
        optimizer=loop.optimizer,
        schedule=loop.schedule,
        again=again,
        tell=tell,
    )
