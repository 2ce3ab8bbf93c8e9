"""From a source to rows that can be trained on: read, decode, set aside, split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.bank.pixels import Pixels
from graft.data import Examples, Split, duplicates_across, groups_across, read, split
from graft.progress import Progress
from graft.recipe import Recipe
from graft.types import Json, PreprocessSpec


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data set ready for a run.

    Attributes:
        examples: The readable rows.
        digests: Digest of each row's picture.
        pixels: Their decoded pictures.
        split: Row numbers of the three parts.
        facts: Modes and native sizes, for the result.
        warnings: Sentences for the result.
    """

    examples: Examples
    digests: tuple[bytes, ...]
    pixels: Pixels
    split: Split
    facts: Json
    warnings: tuple[str, ...]


def prepare(
    recipe: Recipe, data: object, spec: PreprocessSpec, root: Path, progress: Progress
) -> Prepared:
    """Read the source, decode every picture once and split what can be read.

    Raises:
        DataError: The source is not a data set that can be learnt from.
    """
    examples = read(
        data, input=recipe.input, label=recipe.label, group=recipe.group, test=recipe.test
    )
    pixels = Pixels(examples, spec, root, progress)
    digests = [d for row, d in enumerate(pixels.digests) if d and row not in pixels.faults]
    examples = examples.without(pixels.faults).without_empty_classes()
    parts = split(examples, validation=recipe.validation, seed=recipe.seed)
    facts = picture_facts(examples.source, pixels.notes(digests))
    return Prepared(examples, tuple(digests), pixels, parts, facts, _leaks(examples, parts))


def picture_facts(source: str, notes: list[str]) -> Json:
    """Counts of modes and the smallest, median and largest size, from `MODE WxH` notes.

    >>> picture_facts("x", ["RGB 4x2", "L 8x6"])["sizes"]["max"]
    [8, 6]
    """
    modes = Counter(note.split(" ")[0] for note in notes)
    sizes = np.array([[int(n) for n in note.split(" ")[1].split("x")] for note in notes])
    order = sizes.prod(axis=1).argsort(kind="stable")
    middle = {"min": order[0], "median": order[len(order) // 2], "max": order[-1]}
    return {
        "source": source,
        "modes": dict(modes.most_common()),
        "sizes": {name: sizes[row].tolist() for name, row in middle.items()},
    }


def _leaks(examples: Examples, parts: Split) -> tuple[str, ...]:
    found = {
        "pairs of byte-for-byte equal pictures": duplicates_across(examples, parts),
        "pairs of rows of one group": groups_across(examples, parts),
    }
    return tuple(_leak(examples, what, pairs) for what, pairs in found.items() if pairs)


def _leak(examples: Examples, what: str, pairs: list[tuple[int, int]]) -> str:
    first = " and ".join(examples.pictures[row].name for row in pairs[0])
    return (
        f"{len(pairs)} {what} stand on two sides of the split as the data declare it "
        f"({first}): the held-out figures are too good by their share."
    )
