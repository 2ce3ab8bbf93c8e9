"""The data: how many of what, what was set aside, what the pictures look like."""

from __future__ import annotations

from collections.abc import Mapping

from graft.report import blocks
from graft.report.reading import items, number, part, records, word
from graft.report.words import ABSENT, counted, dimensions, whole
from graft.types import Json

SPLITS = ("train", "validation", "test")
MOST_SET_ASIDE = 50


def data(result: Json, pictures: Mapping[str, bytes]) -> Json:
    """The section `The data`."""
    pieces = [
        blocks.facts(_facts(result)),
        _class_counts(result),
        _samples(result, pictures),
        _set_aside(result),
    ]
    return blocks.section("data", "The data", pieces)


def _facts(result: Json) -> list[tuple[str, str]]:
    counts, described = part(result, "counts"), part(result, "data")
    splits = [f"{whole(number(counts, name))} {name}" for name in SPLITS if name in counts]
    modes = [
        f"{whole(number(part(described, 'modes'), mode))} {mode}"
        for mode in part(described, "modes")
    ]
    sizes = part(described, "sizes")
    spread = [
        f"{name} {dimensions(items(sizes, name))}"
        for name in ("min", "median", "max")
        if name in sizes
    ]
    return [
        ("Source", word(described, "source", ABSENT)),
        ("Images", ", ".join(splits) or "not recorded"),
        ("Set aside", whole(number(counts, "set_aside"))),
        ("Image modes", ", ".join(modes) or "not recorded"),
        ("Image sizes", ", ".join(spread) or "not recorded"),
    ]


def _class_counts(result: Json) -> Json:
    counts = part(result, "class_counts")
    splits = [name for name in SPLITS if part(counts, name)]
    if not splits:
        return blocks.text("The number of images per class is not part of this result.")
    known = [str(label) for label in items(result, "labels")]
    labels = dict.fromkeys([*known, *(label for name in splits for label in counts[name])])
    most = max(number(counts[name], label) or 0 for name in splits for label in labels)
    rows: list[list[blocks.Cell]] = [
        [label, *(_count(number(counts[name], label) or 0, most) for name in splits)]
        for label in labels
    ]
    return blocks.table("Images per class", ["Class", *(name.title() for name in splits)], rows)


def _count(count: float, most: float) -> blocks.Cell:
    return blocks.bar(whole(count), count / most if most else 0.0)


def _samples(result: Json, pictures: Mapping[str, bytes]) -> Json:
    samples = records(result, "samples")
    if not samples:
        return blocks.text("No sample pictures were kept.")
    entries = [_sample(sample, pictures) for sample in samples]
    return blocks.gallery("Samples of the training data", entries)


def _sample(sample: Json, pictures: Mapping[str, bytes]) -> Json:
    label = word(sample, "label", ABSENT)
    picture = pictures.get(word(sample, "picture"))
    return blocks.captioned(picture, f"Sample of class {label}", [("Class", label)])


def _set_aside(result: Json) -> Json:
    rows = records(result, "set_aside")
    if not rows:
        return blocks.text(_nothing_listed(number(part(result, "counts"), "set_aside")))
    shown = [
        f"{word(row, 'input', ABSENT)}: {word(row, 'reason', 'no reason given')}" for row in rows
    ]
    more = len(shown) - MOST_SET_ASIDE
    return blocks.listing(
        f"Set aside: {counted(len(rows), 'input')}",
        shown[:MOST_SET_ASIDE],
        f"and {more:,} more in result.json" if more > 0 else "",
    )


def _nothing_listed(count: float | None) -> str:
    if count is None:
        return "Which inputs were set aside is not part of this result."
    if count:
        return f"{counted(count, 'input')} set aside; the list is not part of this result."
    return "No input was set aside."
