"""No head at all."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from graft.heads.head import Head


class NoHead(Head):
    """Gives the backbone's features as they are, where a network is wanted for them.

    Args:
        features: D, their number.
    """

    def __init__(self, features: int) -> None:
        super().__init__("none", features, features)

    def forward(self, features: Tensor) -> Tensor:
        """The features (B, D)."""
        return features

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """None."""
        return []

    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Nothing: there are none."""
