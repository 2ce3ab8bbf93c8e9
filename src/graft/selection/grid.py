"""The choices that a search compares: written out, few, each worth its try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.backbones.backbone import Backbone
from graft.recipe import Recipe
from graft.runs.choice import OF_FEW_TEXTS
from graft.strategies import build_strategy
from graft.training.rates import phase_rate
from graft.types import Json

PROBE, FAVOURITE = "linear-probe", "lp-ft"
# Strategy and factors on its own rate. LP-FT first: it is the best single guess.
GRADIENT: Sequence[tuple[str, tuple[float, ...]]] = (
    (FAVOURITE, (1.0, 3.0)),
    ("top-k", (1.0,)),
    ("full", (1.0,)),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One point of the grid.

    Attributes:
        backbone: A name.
        strategy: A name with its setting.
        lr: The rate, or None for the strategy's own.
        frozen_depth: Blocks frozen throughout, of `blocks`.
        blocks: How many blocks the backbone has.
        steps: About how many its training takes; None for the usual number.
    """

    backbone: str
    strategy: str
    lr: float | None
    frozen_depth: int
    blocks: int
    steps: int | None = None

    def recipe(self, base: Recipe, epochs: int | None) -> Recipe:
        """The recipe of this choice."""
        changes = {"backbone": self.backbone, "strategy": self.strategy, "lr": self.lr}
        return base.model_copy(update={**changes, "epochs": epochs})

    def to_dict(self) -> Json:
        """The choice as JSON values."""
        return {
            "backbone": self.backbone,
            "strategy": self.strategy,
            "lr": self.lr,
            "frozen_depth": self.frozen_depth,
        }

    def shown(self) -> str:
        """The choice in a few words."""
        rate = "" if self.lr is None else f", rate {self.lr:.2g}"
        return f"{self.backbone}, {self.strategy}{rate}"


def probe_of(base: Recipe, backbone: Backbone) -> Choice:
    """The first choice of every search: it costs one pass. Heads with hidden layers have none."""
    blocks = len(backbone.blocks)
    strategy = PROBE if base.head == "linear" else "head"
    return Choice(backbone.name, strategy, None, blocks, blocks)


def gradient_choices(
    base: Recipe, backbone: Backbone, depth: int, *, few_texts: bool = False
) -> list[Choice]:
    """The choices that train blocks, where the recipe leaves them open.

    Args:
        base: A strategy or rate that it names is kept.
        backbone: The candidate.
        depth: The recommended frozen depth, which `top-k` takes.
        few_texts: Whether the rows are a handful of texts a class, where pairs are the favourite.
    """
    blocks = len(backbone.blocks)
    unfrozen = min(max(blocks - depth, 1), blocks - 1)
    favourites = ((OF_FEW_TEXTS, (1.0,)),) if few_texts else ()
    grid = (*favourites, *GRADIENT)
    if base.strategy is not None:
        grid = ((base.strategy, (1.0, 3.0, 1 / 3)),)
    choices = []
    for name, factors in grid:
        spec = f"top-k:{unfrozen}" if name == "top-k" else name
        phases = build_strategy(spec).phases([block.name for block in backbone.blocks])
        descents = [phase for phase in phases if phase.solver != "exact"]
        if not descents or (name == "top-k" and unfrozen < 1):
            continue
        last = descents[-1]
        own = phase_rate(last, backbone, base.optimizer)
        frozen = last.plan.frozen_depth
        rates = [base.lr] if base.lr else [None if f == 1 else _rounded(own * f) for f in factors]
        choices += [Choice(backbone.name, spec, rate, frozen, blocks, last.steps) for rate in rates]
    return choices


def _rounded(rate: float) -> float:
    """Two digits are enough.

    >>> _rounded(0.00033333)
    0.00033
    """
    return float(f"{rate:.2g}")
