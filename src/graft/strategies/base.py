"""Part 4, the fine-tuning strategy: which weights move, and how. It never sees data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from graft.network import Network
from graft.plan import Plan

Solver = Literal["exact", "gradient"]
Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Ending:
    """What a strategy is given when its last phase is over: callables, never a data set.

    Attributes:
        network: As the phase left it.
        plan: The phase's.
        origin: Every tensor of the network's state by name, as it was before any block trained:
            the pretrained backbone, and the probe's head where the strategy begins with a probe.
        suffix: What turns the inputs that `batches` yields into logits; its modules are the
            network's own.
        score: The validation loss of the network as it now is, or None without validation rows.
        batches: A pass over the training inputs, in a fixed random order, without augmentation.
    """

    network: Network
    plan: Plan
    origin: Weights
    suffix: nn.Module
    score: Callable[[], float] | None
    batches: Callable[[], Iterator[Tensor]]


@dataclass(frozen=True, slots=True)
class Attached:
    """Adapters in place.

    Attributes:
        merge: Folds them into the backbone's weights, which becomes plain again.
        tensors: Names of the backbone's tensors that merging changes.
    """

    merge: Callable[[], None]
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of training with one plan and one optimizer.

    Attributes:
        name: What the history and the report call it.
        plan: Which blocks train.
        solver: `exact` solves a linear head in closed form or by L-BFGS and falls back to
            gradient descent where there is no exact solution; `gradient` runs epochs.
        share: Share of the stage's epochs.
        steps: About how many, when the user gives no epochs; None for about 300 in 8 to 30 epochs.
        lr: Learning rate when the user gives none, for AdamW and a convolutional backbone;
            `graft.training.rates` fits it to other optimizers and families.
        fixed_lr: Whether the rate holds for every family, as where new tensors train and the
            backbone's own do not.
        drawn: Whether an earlier phase has taught the features these rows' answers, so that an
            exact head is solved with a strong penalty.
        keep_start: Whether the weights at the start compete with every epoch's on validation.
        attach: Puts adapters, drawn from a seed, into the network before the phase begins; they
            are merged when it is over.
        penalty: Added to the loss: the network and `Ending.origin` to a scalar. The backbone's
            weight decay is off where there is one.
        average: Number of steps taken to the share of the old average that is kept; validation
            and the phase's result then use the running average of the weights.
        contrast: A loss of its own instead of the stage's: features (B, D) and how alike their rows
            are (B, B), NaN where unknown, to a scalar. The head does not train, and nothing is
            compared on validation.
        finalize: Called in order when the phase is over; each may change the network, and returns
            a note for the result.
    """

    name: str
    plan: Plan
    solver: Solver
    share: float = 1.0
    steps: int | None = None
    lr: float = 1e-3
    drawn: bool = False
    keep_start: bool = False
    fixed_lr: bool = False
    attach: Callable[[Network, int], Attached] | None = None
    penalty: Callable[[Network, Weights], Tensor] | None = None
    average: Callable[[int], float] | None = None
    contrast: Callable[[Tensor, Tensor], Tensor] | None = None
    finalize: tuple[Callable[[Ending], str], ...] = ()


class Strategy(ABC):
    """Divides a stage into phases."""

    @abstractmethod
    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """The phases for a backbone with these blocks, depth 0 first.

        Raises:
            UnknownNameError: The strategy's setting does not fit this backbone.
        """


class Modifier(ABC):
    """Changes the phases of any strategy; `+` adds one, as in `lp-ft+ema`."""

    @abstractmethod
    def modify(self, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        """The changed phases.

        Raises:
            ContradictionError: There is nothing in these phases that it could change.
        """


class ContradictionError(Exception):
    """A modifier does not fit a strategy; `combine` turns it into the user's message.

    Args:
        reason: Why not, as the rest of a sentence that begins with the combination.
        next: What to do instead.
    """

    def __init__(self, reason: str, next: str) -> None:  # noqa: A002
        super().__init__(reason)
        self.reason = reason
        self.next = next


def probe(blocks: Sequence[str]) -> Phase:
    """The phase that most strategies begin with: an exact linear head on frozen features."""
    return Phase("probe", Plan.top(blocks, 0), "exact", share=0.0)
