"""The parts a data set may declare: train, validation, test, under their usual names."""

from __future__ import annotations

TRAIN, VALIDATION, TEST = "train", "validation", "test"
UNDECLARED = ""

_SPELLINGS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
SPELLINGS = ", ".join(_SPELLINGS)


def part_named(name: str) -> str | None:
    """The part that a folder, a split or a cell names, whatever its case; None if none.

    >>> part_named("Valid"), part_named("flowers")
    ('validation', None)
    """
    return _SPELLINGS.get(name.strip().casefold())
