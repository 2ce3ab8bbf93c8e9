"""Where a run stands, and what of an earlier process is still to be taken up."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from graft.objectives import Objective
from graft.training.randomness import resume_random
from graft.types import Json


@dataclass(slots=True)
class Position:
    """Which stage and phase are under way.

    Attributes:
        stage: Number of the stage, from 0.
        phase: Number of the phase in it, from 0.
        boundary: What a checkpoint between two phases kept of objective and random states, until
            the stage begins.
        descent: What a checkpoint within a gradient phase kept of it, until the phase begins.
    """

    stage: int = 0
    phase: int = 0
    boundary: Json | None = None
    descent: Json | None = None

    def begin_stage(self, objective: Objective, network: nn.Module) -> None:
        """Take up what was kept between phases."""
        if self.boundary is not None:
            objective.resume(self.boundary["objective"], network)
            resume_random(self.boundary["random"])
            self.boundary = None

    def next_phase(self) -> None:
        """A phase is over."""
        self.phase += 1

    def next_stage(self) -> None:
        """A stage is over."""
        self.stage, self.phase = self.stage + 1, 0

    def take(self) -> Json | None:
        """What was kept of the phase that begins; None for one that begins at its beginning."""
        found, self.descent = self.descent, None
        return found
