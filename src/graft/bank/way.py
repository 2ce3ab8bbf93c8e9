"""The way in which a prefix is computed: by which engine, and in batches of which size.

Both stand in the bank's keys: a stored value depends on them by rounding. A way that is left open
is the one whose values the bank holds already, or else chosen by cost and measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.bank.store import Shelf
from graft.device import frozen_precisions
from graft.engines import (
    AUTO,
    DEAR,
    ENGINES,
    LARGEST_BATCH,
    Engine,
    available,
    fastest,
    first_sound,
    fitting_batch,
    work_of,
)
from graft.engines import identity as engine_identity
from graft.memory import out_of_memory
from graft.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Way:
    """Engine and batch size."""

    engine: str
    batch_size: int

    def identity(self, device: torch.device) -> str:
        """Name, library, device and number type of the engine."""
        return engine_identity(self.engine, device)

    def again(self) -> Wish:
        """A wish for this way alone."""
        return Wish(self.engine, self.batch_size)

    def above(self) -> Wish:
        """What suits the few blocks above such a prefix: nothing that is dear to prepare."""
        engine = ENGINES[self.engine].slower if self.engine in DEAR else self.engine
        return Wish(engine, self.batch_size)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for.

    Attributes:
        engine: A name, or `auto`.
        batch_size: Rows, or None for what fits.
        precision: In `graft.device.PRECISIONS`; for an engine that is not named.
    """

    engine: str = AUTO
    batch_size: int | None = None
    precision: str = "auto"

    def ways(self, device: torch.device) -> Iterator[Way]:
        """All ways that fulfil it on this device, the likeliest first."""
        engines = [self.engine]
        if self.engine == AUTO:
            numbers, known = frozen_precisions(device, self.precision), reversed(available(device))
            engines = [name for name in known if ENGINES[name].number in numbers]
        halvings = [LARGEST_BATCH >> power for power in range(LARGEST_BATCH.bit_length())]
        for size in [self.batch_size] if self.batch_size else halvings:
            for engine in engines:
                yield Way(engine, size)


def stored_way(
    wish: Wish,
    device: torch.device,
    shelf_of: Callable[[Way], Shelf | None],
    digests: Sequence[bytes],
) -> Way | None:
    """The way whose values the bank holds for most rows, if that is at least half of them.

    Args:
        wish: What the way must fulfil.
        device: Where the prefix would run.
        shelf_of: The shelf of a way, None where there is none yet.
        digests: The rows wanted.
    """
    best, most = None, 0
    for way in wish.ways(device):
        shelf = shelf_of(way)
        if shelf is None or not len(shelf):
            continue
        found = int((shelf.locate(digests)[:, 0] >= 0).sum())
        if found == len(digests):
            return way
        if found > most:
            best, most = way, found
    return best if 2 * most >= len(digests) else None


def chosen_batch(wish: Wish, prefix: nn.Module, row: Tensor) -> int:
    """The batch that was asked for, or the largest that fits."""
    return wish.batch_size or fitting_batch(work_of(prefix, row), row.device)


class ReadyEngine:
    """The engine that was prepared last: what comes next is often more of the same."""

    def __init__(self) -> None:
        self._known = ""
        self._engine: Engine | None = None

    def get(self, known: str, wish: Wish, prepare: Callable[[], Engine]) -> Engine:
        """The ready engine where it serves, or a new one.

        Args:
            known: Tells this prefix and batch size from others.
            wish: Whose engine it must be.
            prepare: Gives a new one; see `chosen_engine`.
        """
        if self._engine and known == self._known and wish.engine in (AUTO, self._engine.name):
            return self._engine
        self._known, self._engine = known, prepare()
        return self._engine

    def release(self) -> None:
        """Let go of it and its copy of the weights; it can be prepared again."""
        self._engine = None


def chosen_engine(
    wish: Wish,
    prefix: nn.Module,
    inputs: Tensor,
    rows: int,
    warnings: list[str],
    whole: nn.Module,
) -> Engine:
    """A new engine, checked on a real batch.

    Args:
        wish: Its engine is taken, or a substitute where it fails, with a warning.
        prefix: Frozen.
        inputs: (B, ...) the first batch.
        rows: How many are to be computed.
        warnings: Gets a sentence about every engine that failed.
        whole: What a run computes of these inputs in the end. Its cost decides what an engine is
            worth, so that the blocks above the prefix get one that suits them too.
    """
    if wish.engine == AUTO:
        work, numbers = work_of(whole, inputs[:1]), frozen_precisions(inputs.device, wish.precision)
        return fastest(prefix, inputs, rows, work, warnings.append, numbers)
    return first_sound(wish.engine, prefix, inputs, warnings.append)


def halved(batch_size: int) -> int:
    """The next smaller batch, after memory ran out.

    Raises:
        ResourceError: There is none.
    """
    if batch_size == 1:
        raise out_of_memory(
            "Memory ran out in the frozen blocks with a single row",
            advice="raise the limit, or choose a smaller --size or another --backbone",
        )
    return batch_size // 2


def with_way(recipe: Recipe, way: Way | None) -> Recipe:
    """The recipe with the way that was chosen, if one was."""
    if way is None:
        return recipe
    return recipe.model_copy(update={"engine": way.engine, "prefix_batch": way.batch_size})
