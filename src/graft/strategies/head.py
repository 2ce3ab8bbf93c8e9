"""Head: every block frozen, the head trained by gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

from graft.plan import Plan
from graft.strategies.base import Phase, Strategy


class Head(Strategy):
    """Feature extraction with a trained head: the choice for heads with hidden layers.

    The default rate 1e-3 is Adam's own (Kingma and Ba 2015, section 2).
    """

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """One gradient phase on frozen features."""
        return (Phase("head", Plan.top(blocks, 0), "gradient", lr=1e-3),)
