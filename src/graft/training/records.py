"""What each phase did, for the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from graft.network import Network
from graft.strategies import Solver, Weights
from graft.types import Json


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a phase was solved, in gradient descent at which rate, which epoch was kept, and what
    else there is to say."""

    solver: Solver
    epochs: int = 0
    best_epoch: int | None = None
    lr: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """What a phase did.

    Attributes:
        name: The phase's name.
        outcome: How it was solved.
        seconds: How long it took.
        trained: The blocks that it let move, and `head`.
        tensors: Names of the backbone's tensors that it let move; with adapters, those that
            merging changes.
        parameters: How many numbers it trained.
        note: What the user should know of it.
    """

    name: str
    outcome: Outcome
    seconds: float
    trained: tuple[str, ...]
    tensors: frozenset[str]
    parameters: int
    note: str

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {
            "name": self.name,
            "solver": self.outcome.solver,
            "epochs": self.outcome.epochs,
            "best_epoch": self.outcome.best_epoch,
            "lr": self.outcome.lr,
            "seconds": round(self.seconds, 3),
            "trained": [*self.trained],
            "parameters": self.parameters,
            "note": self.note,
        }

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        return {**asdict(self), "tensors": sorted(self.tensors)}


def record_of(state: Json) -> PhaseRecord:
    """The record that `state` was taken of."""
    return PhaseRecord(
        **{
            **state,
            "outcome": Outcome(**state["outcome"]),
            "trained": tuple(state["trained"]),
            "tensors": frozenset(state["tensors"]),
        }
    )


def moved_so_far(network: Network, records: Sequence[PhaseRecord]) -> Weights:
    """The network's tensors that phases have let move; not copies."""
    names = {f"backbone.model.{name}" for record in records for name in record.tensors}
    state = network.state_dict()
    return {n: t for n, t in state.items() if n in names or n.startswith("head.")}
