"""What each phase did, for the result."""

from __future__ import annotations

from dataclasses import dataclass

from graft.strategies import Solver
from graft.types import Json


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a phase was solved, in gradient descent at which rate, and which epoch was kept."""

    solver: Solver
    epochs: int = 0
    best_epoch: int | None = None
    lr: float | None = None


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
