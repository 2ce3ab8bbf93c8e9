"""Classes that can be told by something else than their content."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from graft.doctor.finding import Finding, Severity, first, plural

TELLTALE_SHARE, FEWEST_TELLTALE = 0.95, 10


def given_away(labels: Sequence[str | None], values: Sequence[str | None]) -> list[str]:
    """Classes that have a value almost to themselves, and hardly any other value.

    What most rows of the other classes have too gives nothing away, however few they are.

    Args:
        labels: Of N rows; None for no label.
        values: A trait of each row, such as its size; None where it is unknown.

    Returns:
        `class: value` for each class of at least `FEWEST_TELLTALE` such rows.

    >>> given_away(["a"] * 20 + ["b"] * 20, ["grey"] * 20 + ["colour", "grey"] * 10)
    []
    >>> given_away(["a"] * 20 + ["b"] * 20, ["grey"] * 20 + ["colour"] * 20)
    ['a: grey', 'b: colour']
    >>> given_away(["a"] * 100 + ["b"] * 3, ["grey"] * 103)
    []
    """
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for label, value in zip(labels, values, strict=True):
        if label is not None and value is not None:
            by_class[label][value] += 1
    total: Counter[str] = Counter()
    for counts in by_class.values():
        total.update(counts)
    found = []
    for label, counts in by_class.items():
        value, count = counts.most_common(1)[0]
        own = count >= TELLTALE_SHARE * counts.total() and count >= FEWEST_TELLTALE
        elsewhere, others = total[value] - count, total.total() - counts.total()
        rare = elsewhere <= (1 - TELLTALE_SHARE) * others
        if own and rare and len(by_class) > 1 and count >= TELLTALE_SHARE * total[value]:
            found.append(f"{label}: {value}")
    return found


def telling_classes(
    check: str, severity: Severity, what: str, telling: list[str], advice: str
) -> list[Finding]:
    """One finding, `what` gives away so many classes; none where no class is told.

    Args:
        check: The finding's.
        severity: The finding's.
        what: Subject and verb, as in `A single word gives away`.
        telling: For each class that is given away, its name and how.
        advice: The finding's.
    """
    if not telling:
        return []
    whole = f"{what} {plural(len(telling), 'class', 'classes')}"
    return [Finding(check, severity, whole, len(telling), advice, first(telling))]
