"""The data: how many of what, what was set aside, what they look like."""

from __future__ import annotations

from collections.abc import Mapping

from graft.report import blocks, translation_section
from graft.report.reading import items, number, part, records, word
from graft.report.translation_section import is_translation
from graft.report.words import ABSENT, counted, dimensions, noun, percent, whole
from graft.types import Json

SPLITS = ("train", "validation", "test")
MOST_SET_ASIDE = 50


def data(result: Json, pictures: Mapping[str, bytes]) -> Json:
    """The section `The data`."""
    pieces = [
        blocks.facts(_facts(result)),
        *([] if is_translation(result) else [_class_counts(result)]),
        *([_lengths(result)] if part(result, "data", "histogram") else []),
        *translation_section.lengths(result, _count),
        _samples(result, pictures),
        _set_aside(result),
    ]
    return blocks.section("data", "The data", pieces)


def _facts(result: Json) -> list[tuple[str, str]]:
    counts, described = part(result, "counts"), part(result, "data")
    if is_translation(result):
        splits = [f"{whole(number(counts, name))} {name}" for name in SPLITS if name in counts]
        return translation_section.facts(counts, described, ", ".join(splits))
    if noun(result) == "text":
        return _text_facts(counts, described)
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


def _text_facts(counts: Json, described: Json) -> list[tuple[str, str]]:
    splits = [f"{whole(number(counts, name))} {name}" for name in SPLITS if name in counts]
    tokens = part(described, "tokens")
    spread = [f"{name} {whole(number(tokens, name))}" for name in tokens]
    long = number(described, "too_long")
    longest = whole(number(described, "longest_input"))
    return [
        ("Source", word(described, "source", ABSENT)),
        ("Texts", ", ".join(splits) or "not recorded"),
        ("Set aside", whole(number(counts, "set_aside"))),
        ("Tokens a text", ", ".join(spread) or "not recorded"),
        ("Padding", f"{percent(number(described, 'padding'))} of what is computed"),
        ("Too long", f"{whole(long)} of more than {longest} tokens ({word(described, 'long')})"),
    ]


def _lengths(result: Json) -> Json:
    """The length histogram, as a table with bars."""
    histogram = part(result, "data", "histogram")
    ends, counts = items(histogram, "ends"), items(histogram, "counts")
    whole_counts = [int(str(count)) for count in counts]
    most = max(whole_counts, default=0)
    rows: list[list[blocks.Cell]] = [
        [f"{low} to {int(str(high)) - 1}", _count(count, most)]
        for low, high, count in zip(ends, ends[1:], whole_counts, strict=False)
    ]
    return blocks.table("Lengths of the texts", ["Tokens", "Texts"], rows)


def _class_counts(result: Json) -> Json:
    counts = part(result, "class_counts")
    splits = [name for name in SPLITS if part(counts, name)]
    if not splits:
        return blocks.text(f"The number of {noun(result)}s per class is not part of this result.")
    kinds = {name: word(task, "kind") for name, task in part(result, "tasks").items()}
    known = [str(n) for n in items(result, "labels") if kinds.get(str(n)) != "regression"]
    labels = dict.fromkeys([*known, *(label for name in splits for label in counts[name])])
    most = max(number(counts[name], label) or 0 for name in splits for label in labels)
    rows: list[list[blocks.Cell]] = [
        [label, *(_count(number(counts[name], label) or 0, most) for name in splits)]
        for label in labels
    ]
    title = f"{noun(result).title()}s per class"
    return blocks.table(title, ["Class", *(name.title() for name in splits)], rows)


def _count(count: float, most: float) -> blocks.Cell:
    return blocks.bar(whole(count), count / most if most else 0.0)


def _samples(result: Json, pictures: Mapping[str, bytes]) -> Json:
    samples = records(result, "samples")
    if not samples:
        return blocks.text("No sample pictures were kept.")
    if all(word(sample, "text") for sample in samples):
        said = [f"{word(sample, 'label', ABSENT)}: {word(sample, 'text')}" for sample in samples]
        return blocks.listing("Samples of the training data", said)
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
