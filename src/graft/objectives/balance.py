"""How the losses of several tasks are put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graft.data.targets import is_labelled, support, unpack
from graft.errors import unknown_name
from graft.objectives.base import Objective
from graft.objectives.regression import scale_of
from graft.objectives.several import AS_IT_IS, Several
from graft.types import Batch, Json, Targets, Task

SMALLEST = 1e-8
RATE, DECAY = 0.025, 0.01
"""Of the Adam that moves FAMO's weights; Liu et al. 2023, section 5."""


class Scaled(Several):
    """The mean of the tasks' losses, each divided by its value at the start.

    The start is the loss of the best answer that does not look at the input: base rates and the
    mean. A head that knows nothing begins there, whatever the strategy does before, so the scale
    depends on the training labels alone, and a task's loss reads as the share still unexplained.

    Equal weights on comparable scales are the baseline that specialised optimisers are to beat
    (Kurin et al. 2022; Xin et al. 2022).

    Args:
        tasks: What each label column asks for.
        objectives: One for each task.
        starts: Task to its loss at the start; 1 for all gives the plain mean.
    """

    def __init__(
        self, tasks: Sequence[Task], objectives: Sequence[Objective], starts: Mapping[str, float]
    ) -> None:
        super().__init__(tasks, objectives)
        self.starts = MappingProxyType(dict(starts))

    def combine(
        self,
        losses: Mapping[str, Tensor],
        model: nn.Module,  # noqa: ARG002 - of the interface
        batch: Batch,  # noqa: ARG002 - of the interface
    ) -> dict[str, Tensor]:
        """Each labelled task's share of the mean over all tasks."""
        return {name: loss / (self.starts[name] * len(self.tasks)) for name, loss in losses.items()}

    def scale_loss(self, task: str, loss: float) -> float:
        """A task's loss, divided by its value at the start."""
        return loss / self.starts[task]


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """A batch of the step under way, or of the last one.

    Attributes:
        model: What it was run through.
        batch: The batch.
        losses: Each task's loss before the step.
    """

    model: nn.Module
    batch: Batch
    losses: dict[str, float]


class Famo(Scaled):
    """Fast adaptive multitask optimisation: every task's loss falls at about the same rate.

    Minimises `c * sum_k z_k ln L_k` with `z = softmax(w)` and `c = 1 / sum_k z_k / L_k`, and after
    every step moves w by Adam along the softmax's Jacobian applied to `ln L_before - ln L_after`
    on the same rows (Liu et al. 2023, algorithm 1). The losses after a step are taken when the
    next step's first batch comes, before it changes anything: one further forward pass a step.
    BatchNorm statistics do not see that pass. Where several batches, or pieces of one, make a step,
    w moves once, by the losses over all their rows. A task that no row of a step has keeps its
    state. The value returned is that of the scaled mean, so that it reads like `Scaled`'s; its
    gradient is FAMO's.

    Args:
        tasks: What each label column asks for.
        objectives: One for each task.
        starts: Task to its loss at the start; only for the value that is shown.
    """

    def __init__(
        self, tasks: Sequence[Task], objectives: Sequence[Objective], starts: Mapping[str, float]
    ) -> None:
        super().__init__(tasks, objectives, starts)
        self.weights = torch.zeros(len(self.tasks), requires_grad=True)
        self._optimizer = torch.optim.Adam([self.weights], lr=RATE, weight_decay=DECAY)
        self._before: list[Seen] = []
        self._stepped = False

    def combine(
        self, losses: Mapping[str, Tensor], model: nn.Module, batch: Batch
    ) -> dict[str, Tensor]:
        """FAMO's gradient with the scaled mean's value."""
        plain = super().combine(losses, model, batch)
        if not torch.is_grad_enabled():
            return plain
        self._follow(model)
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        self._before.append(Seen(model, batch, values))
        shares = dict(zip((t.name for t in self.tasks), self._shares().tolist(), strict=True))
        total = sum(shares[name] / (value + SMALLEST) for name, value in values.items())
        return {
            name: shares[name] / total * (loss + SMALLEST).log()
            + (plain[name] - shares[name] / total * (loss + SMALLEST).log()).detach()
            for name, loss in losses.items()
        }

    def begin(self) -> None:
        """What the last step of another phase did says nothing, nor what was undone."""
        self._before, self._stepped = [], False

    def after_step(self) -> None:
        """What this step did to its rows is looked at when the next one begins."""
        self._stepped = True

    def state(self, model: nn.Module) -> Json:
        """Also the weights, their Adam, and the batches whose losses are still to be taken."""
        adam = self._optimizer.state.get(self.weights, {})
        before = [
            {"inputs": seen.batch.inputs, "targets": seen.batch.targets, "losses": seen.losses}
            for seen in self._before
            if seen.model is model
        ]
        famo = {"weights": self.weights.detach(), "adam": dict(adam), "before": before}
        return {**super().state(model), "famo": {**famo, "stepped": self._stepped}}

    def resume(self, state: Json, model: nn.Module) -> None:
        """Follow the same step as when `state` was taken."""
        super().resume(state, model)
        famo = state["famo"]
        with torch.no_grad():
            self.weights.copy_(famo["weights"])
        self._optimizer.state[self.weights] = famo["adam"]
        place = next(model.parameters()).device
        self._stepped = famo["stepped"]
        self._before = [
            Seen(model, Batch(b["inputs"].to(place), b["targets"].to(place)), b["losses"])
            for b in famo["before"]
        ]

    def _shares(self) -> Tensor:
        return torch.softmax(self.weights.detach(), 0)

    def _follow(self, model: nn.Module) -> None:
        """Move the weights by what the last step did to the losses of its own rows."""
        if not self._stepped:
            return
        seen = [each for each in self._before if each.model is model]
        self.begin()
        if not seen:
            return  # another phase: what it did to the last rows of this one says nothing
        with torch.no_grad(), _still(model):
            after = [self.losses(model(s.batch.inputs).float(), s.batch.targets) for s in seen]
        fallen = [self._fall(number, seen, after) for number in range(len(self.tasks))]
        self._optimizer.zero_grad()
        self.weights.grad = famo_direction(self.weights, fallen)
        self._optimizer.step()

    def _fall(
        self, number: int, seen: Sequence[Seen], after: Sequence[Mapping[str, Tensor]]
    ) -> float | None:
        """By how much the logarithm of a task's loss fell over all rows; None without any."""
        name, rows, before, now = self.tasks[number].name, 0, 0.0, 0.0
        for each, losses in zip(seen, after, strict=True):
            if name in losses:
                count = self.labelled(number, each.batch.targets)
                rows += count
                before += count * each.losses[name]
                now += count * float(losses[name])
        return math.log((before / rows + SMALLEST) / (now / rows + SMALLEST)) if rows else None


def famo_direction(weights: Tensor, fallen: Sequence[float | None]) -> Tensor:
    """The gradient (T,) for FAMO's weights: the softmax's Jacobian applied to the falls.

    Args:
        weights: (T,) logits of the tasks' shares.
        fallen: By how much the logarithm of each loss fell; None for a task without rows, which
            counts as the others' mean, so that it changes nothing.

    >>> famo_direction(torch.zeros(2), [0.2, 0.0]).tolist()
    [0.05000000074505806, -0.05000000074505806]
    """
    shares = torch.softmax(weights.detach(), 0)
    known = torch.tensor([fall is not None for fall in fallen])
    falls = torch.tensor([fall or 0.0 for fall in fallen])
    mean = (shares * falls)[known].sum() / shares[known].sum()
    falls = torch.where(known, falls, mean)
    return shares * (falls - (shares * falls).sum())


@contextmanager
def _still(model: nn.Module) -> Iterator[None]:
    """BatchNorm statistics stay as they are inside the block."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count


def base_outputs(task: Task, column: Targets) -> Tensor:
    """(C,) the best outputs that do not look at the input: log base rates, log odds, the mean.

    Args:
        task: The task.
        column: Its targets on the training rows, as `graft.data.targets.unpack` gives them.

    >>> base_outputs(Task("multi-label", ("a",)), np.array([[1.0], [0.0]])).tolist()
    [0.0]
    """
    known = column[is_labelled(task, column)]
    if task.kind == "regression":
        return torch.tensor([scale_of(known)[0]])
    counts, rows = support(task, column), len(known)
    if task.kind == "multi-label":
        return torch.from_numpy(np.log((counts + 0.5) / (rows - counts + 0.5))).float()
    rates = (counts + 1 / len(counts)) / (rows + 1)
    return torch.from_numpy(np.log(rates)).float()


def start_losses(
    tasks: Sequence[Task], objectives: Sequence[Objective], targets: Targets
) -> dict[str, float]:
    """Each task's loss at `base_outputs` on the training rows (N, W) of all tasks."""
    found = {}
    columns = unpack(tasks, targets)
    for task, objective, column in zip(tasks, objectives, columns, strict=True):
        known = column[is_labelled(task, column)]
        outputs = base_outputs(task, column).expand(len(known), -1)
        wanted = torch.from_numpy(known)
        batch = Batch(outputs, wanted if task.one_class else wanted.float())
        found[task.name] = max(objective.score(AS_IT_IS, [batch])["loss"], SMALLEST)
    return found


Builder = Callable[[Sequence[Task], Sequence[Objective], Targets], Several]


def _start(tasks: Sequence[Task], objectives: Sequence[Objective], targets: Targets) -> Several:
    return Scaled(tasks, objectives, start_losses(tasks, objectives, targets))


def _famo(tasks: Sequence[Task], objectives: Sequence[Objective], targets: Targets) -> Several:
    return Famo(tasks, objectives, start_losses(tasks, objectives, targets))


def _none(tasks: Sequence[Task], objectives: Sequence[Objective], targets: Targets) -> Several:  # noqa: ARG001 - of the table
    return Scaled(tasks, objectives, {task.name: 1.0 for task in tasks})


BALANCES: Mapping[str, Builder] = MappingProxyType({"start": _start, "famo": _famo, "none": _none})


def build_several(
    balance: str, tasks: Sequence[Task], objectives: Sequence[Objective], targets: Targets
) -> Several:
    """The objective of several tasks.

    Args:
        balance: `start` divides each loss by its value at the start, `famo` is FAMO, `none` takes
            the plain mean.
        tasks: What each label column asks for.
        objectives: One for each task.
        targets: (N, W) of the training rows.

    Raises:
        UnknownNameError: No such balance.
    """
    if balance not in BALANCES:
        raise unknown_name("balance of losses", balance, BALANCES)
    return BALANCES[balance](tasks, objectives, targets)
