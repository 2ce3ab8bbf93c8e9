"""Translation: lengths, how it was measured, the worst and the best sentences."""

from __future__ import annotations

from collections.abc import Callable

from graft.report import blocks
from graft.report.reading import items, number, part, records, word
from graft.report.words import ABSENT, decimal, percent, whole
from graft.types import Json

SIDES = (("texts", "Texts"), ("translations", "Translations"))


def is_translation(result: Json) -> bool:
    """Whether the run was one of translation."""
    return word(result, "task") == "translation"


def facts(counts: Json, described: Json, splits: str) -> list[tuple[str, str]]:
    """What is said of the pairs.

    Args:
        counts: The result's `counts`.
        described: Its `data`.
        splits: How many pairs each part has, in words.
    """
    pairs = [
        ("Source", word(described, "source", ABSENT)),
        ("Pairs", splits or "not recorded"),
        ("Set aside", whole(number(counts, "set_aside"))),
    ]
    for name, title in SIDES:
        side = part(described, name)
        spread = [f"{n} {whole(number(part(side, 'tokens'), n))}" for n in part(side, "tokens")]
        pairs.append((f"{title}, tokens", ", ".join(spread) or "not recorded"))
        long, most = number(side, "too_long"), number(side, "longest")
        total = sum(number(counts, split) or 0 for split in ("train", "validation", "test"))
        share = percent(long / total) if long is not None and total else ABSENT
        said = f"{whole(long)} ({share}) of more than {whole(most)} tokens, cut at the end"
        pairs.append((f"{title} too long", said))
    pairs.append(("Padding", f"{percent(number(described, 'padding'))} of what is computed"))
    return pairs


def lengths(result: Json, count: Callable[[float, float], blocks.Cell]) -> list[Json]:
    """The length histograms of both sides, as tables with bars.

    Args:
        result: The result.
        count: A count and the largest one, to a cell.
    """
    tables = []
    for name, title in SIDES:
        histogram = part(result, "data", name, "histogram")
        ends, counts = items(histogram, "ends"), items(histogram, "counts")
        numbers = [int(str(found)) for found in counts]
        most = max(numbers, default=0)
        rows: list[list[blocks.Cell]] = [
            [f"{low} to {int(str(high)) - 1}", count(found, most)]
            for low, high, found in zip(ends, ends[1:], numbers, strict=False)
        ]
        if rows:
            tables.append(blocks.table(f"Lengths: {title.lower()}", ["Tokens", title], rows))
    return tables


def measured(result: Json) -> Json:
    """The section `How it was measured`."""
    decoding = part(result, "decoding")
    penalty = decimal(number(decoding, "length_penalty"), 2)
    beams = number(decoding, "beams")
    search = f"beam of {whole(beams)}, length penalty {penalty}" if beams != 1 else "greedy"
    pairs = [
        ("Test sentences", f"{whole(number(decoding, 'test'))}, {search}"),
        ("Validation sentences", word(decoding, "validation", ABSENT)),
        ("Longest translation", f"{whole(number(decoding, 'longest'))} tokens"),
    ]
    signatures = part(result, "signatures")
    pairs += [(name, word(signatures, name)) for name in signatures]
    return blocks.section("measured", "How it was measured", [blocks.facts(pairs)])


def sentences(result: Json) -> Json:
    """The section with the worst and the best translations."""
    columns = ["Text", "Reference", "Translation", "Before fine-tuning", "chrF"]
    pieces = [
        blocks.table(title, columns, [_row(row) for row in rows])
        for title, rows in (
            ("The worst, by chrF", records(result, "errors")),
            ("The best, by chrF", records(result, "best")),
        )
        if rows
    ]
    if not pieces:
        pieces = [blocks.text("No translations of the test set were recorded.")]
    return blocks.section("errors", "Worst and best translations", pieces)


def _row(row: Json) -> list[blocks.Cell]:
    return [
        word(row, "text", ABSENT),
        word(row, "label", ABSENT),
        word(row, "predicted", ABSENT),
        word(row, "before", ABSENT),
        decimal(number(row, "chrf"), 1),
    ]
