"""Which engine: by counting operations where the work is small, by a measured trial where not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from time import perf_counter

import torch
from torch import Tensor, nn

from graft.engines.engine import ENGINES, Engine, available, sound
from graft.engines.failure import EngineFailed
from graft.engines.work import Work

# Effort: see `Work`. Recording and folding take about a second, which eager execution would need
# longer for only beyond the first figure; an export or a compilation, five to sixty.
WORTH_FOLDING = {"cpu": 2e11, "cuda": 2e13}
WORTH_TRYING = {
    "onnxruntime": {"cpu": 5e12},
    "half": {"cuda": 2e13},
    "compiled": {"cuda": 1e16},
}
DEAR = ("onnxruntime", "compiled")
"""What takes seconds to prepare."""
# Each engine runs up to so many batches in turn, and its fastest counts: where one takes a third of
# a second, any other program that wakes up meanwhile would decide. Longer ones need no second turn.
TURNS = 3
ENOUGH_SECONDS = 1.0
# A trial must stay a small share of all batches.
FEWEST_BATCHES = 40
# By how much a contender must be faster: what noise alone may show.
MARGIN = 0.95


def fastest(
    prefix: nn.Module,
    inputs: Tensor,
    rows: int,
    work: Work,
    notes: Callable[[str], None],
    numbers: Collection[str] = ("float32",),
) -> Engine:
    """The engine for `rows` rows, checked against eager.

    Little work is done eagerly, more by the folded graph (packed on CPUs), without a measurement,
    so that equal data get equal engines. Where the work is so much that an export or a
    compilation can pay, the contenders are timed on a real batch and the fastest is taken. Where
    bfloat16 was asked for it is taken without a race: whoever asks knows that it gains.

    Args:
        prefix: Frozen.
        inputs: (B, ...) the first real batch.
        rows: How many rows are to be computed.
        work: Cost of one row.
        notes: Told a sentence about every engine that failed.
        numbers: Types that it may compute in.
    """
    kind, total = inputs.device.type, work.effort * rows
    if inputs.ndim != 4 or total < WORTH_FOLDING.get(kind, float("inf")):
        return sound("eager", prefix, inputs)
    standard = "bfloat16" if "bfloat16" in numbers else _standard(inputs.device)
    best = first_sound(standard, prefix, inputs, notes)
    if best.name == "bfloat16":
        return best
    if rows < FEWEST_BATCHES * len(inputs):
        return best
    contenders = [
        name
        for name in available(inputs.device)
        if total >= WORTH_TRYING.get(name, {}).get(kind, float("inf"))
        and ENGINES[name].number in numbers
    ]
    rivals = [*_sound_ones(contenders, prefix, inputs, notes)]
    return _race([best, *rivals], inputs) if rivals else best


def first_sound(
    name: str, prefix: nn.Module, inputs: Tensor, notes: Callable[[str], None]
) -> Engine:
    """This engine, or the first of its substitutes whose answers are right; eager is the last."""
    while name != "eager":
        try:
            return sound(name, prefix, inputs)
        except EngineFailed as failure:
            after = ENGINES[name].slower
            notes(f"The engine '{name}' is not used, '{after}' is: {failure}.")
            name = after
    return sound("eager", prefix, inputs)


def _standard(device: torch.device) -> str:
    return "packed" if "packed" in available(device) else "folded"


def _sound_ones(
    names: list[str], prefix: nn.Module, inputs: Tensor, notes: Callable[[str], None]
) -> Iterator[Engine]:
    for name in names:
        try:
            yield sound(name, prefix, inputs)
        except EngineFailed as failure:
            notes(f"The engine '{name}' is not used: {failure}.")


def _race(engines: Sequence[Engine], inputs: Tensor) -> Engine:
    """The fastest; a later one only where it is clearly so."""
    turns: list[list[float]] = []
    while len(turns) < TURNS and sum(map(sum, turns)) < ENOUGH_SECONDS:
        turns.append([_seconds(engine, inputs) for engine in engines])
    best, least = 0, float("inf")
    for number, seconds in enumerate(map(min, zip(*turns, strict=True))):
        if seconds < MARGIN * least:
            best, least = number, seconds
    return engines[best]


def _seconds(engine: Engine, inputs: Tensor) -> float:
    """Of one batch; every engine has run one before, in its check."""
    _wait(inputs.device)
    begun = perf_counter()
    engine(inputs)
    _wait(inputs.device)
    return perf_counter() - begun


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
