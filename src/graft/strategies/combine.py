"""A strategy with modifiers: `lp-ft+ema+wise`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.errors import UnknownNameError
from graft.strategies.base import ContradictionError, Modifier, Phase, Strategy


@dataclass(frozen=True, slots=True)
class Combined(Strategy):
    """A strategy whose phases pass through modifiers, one after the other.

    Attributes:
        spec: What the user wrote.
        strategy: What divides the stage.
        modifiers: In the order in which they act.
    """

    spec: str
    strategy: Strategy
    modifiers: tuple[Modifier, ...]

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """The modified phases.

        Raises:
            UnknownNameError: A modifier contradicts the strategy, or a setting does not fit this
                backbone.
        """
        phases = self.strategy.phases(blocks)
        for modifier in self.modifiers:
            try:
                phases = modifier.modify(phases)
            except ContradictionError as problem:
                raise UnknownNameError(
                    f"'{self.spec}' contradicts itself: {problem.reason}", next=problem.next
                ) from problem
        return phases
