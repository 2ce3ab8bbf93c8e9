"""Train, validation and test: declared parts win, what is missing is carved out of train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graft.data.examples import Examples
from graft.data.parts import TEST, VALIDATION
from graft.data.targets import is_labelled, is_plain, strata, unpack
from graft.data.units import units_of
from graft.errors import DataError
from graft.types import IntArray

_PASSES = 10  # of the local search; two are the rule


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Row numbers of each part: disjoint, sorted, together all rows.

    Attributes:
        train: What the weights are fitted to; at least one row of every class.
        validation: What choices are made on; empty where the data are too few.
        test: What is reported.
    """

    train: IntArray
    validation: IntArray
    test: IntArray


def split(examples: Examples, *, validation: float = 0.2, test: float = 0.2, seed: int) -> Split:
    """Divides labelled examples into train, validation and test.

    Declared parts stay as they are. Where no test part is declared, the share `test` of the
    other rows becomes the test part; where no validation part is declared, the share
    `validation` of what then remains becomes the validation part. Both are stratified: every
    class gives its share, at least one example as long as one remains for training. So a class
    of one example is in train alone, one of two in train and test, one of three everywhere.
    Labels of several a row, and tenths of a quantity, are treated like classes.
    Groups, and inputs that are equal byte by byte, stay on one side; with large groups the
    shares are met only roughly.

    Args:
        examples: All labelled.
        validation: Share in [0, 1).
        test: Share in [0, 1).
        seed: Same seed, same split.

    Raises:
        DataError: A share is out of range, a class has no training example, or no test row
            can be held out.
    """
    _check(examples, {"validation": validation, "test": test})
    declared = np.array(examples.parts, dtype=object)
    tested = np.flatnonzero(declared == TEST)
    validated = np.flatnonzero(declared == VALIDATION)
    train = np.flatnonzero((declared != TEST) & (declared != VALIDATION))
    _check_train(examples, train)
    _check_tasks(examples, train)
    if not len(tested) or not len(validated):
        keys: list[Sequence[Hashable | None]] = [examples.digests()]
        if examples.groups is not None:
            keys.append(examples.groups.tolist())
        members = strata(examples.tasks, examples.targets)
        random = np.random.default_rng(seed)
        if not len(tested) and test:
            tested, train = _carve(members, units_of(train, keys), test, random)
            _check_test(examples, tested)
        if not len(validated) and validation:
            validated, train = _carve(members, units_of(train, keys), validation, random)
    return Split(train.astype(np.int64), validated.astype(np.int64), tested.astype(np.int64))


def duplicates_across(examples: Examples, split: Split) -> list[tuple[int, int]]:
    """Pairs of rows on two sides of a split whose inputs are equal byte by byte.

    Each held-out row is paired with the first equal row of train, a test row also with that of
    validation. Only declared parts can hold such pairs.

    Returns:
        (row of the earlier part, row of the later part), sorted.
    """
    return _across(examples.digests(), split)


def groups_across(examples: Examples, split: Split) -> list[tuple[int, int]]:
    """Pairs of rows on two sides of a split that belong to one group; see `duplicates_across`."""
    return [] if examples.groups is None else _across(examples.groups.tolist(), split)


def _across(keys: Sequence[Hashable | None], split: Split) -> list[tuple[int, int]]:
    sides = (split.train, split.validation, split.test)
    first: list[dict[Hashable, int]] = [{}, {}, {}]
    for seen, rows in zip(first, sides, strict=True):
        for row in rows.tolist():
            seen.setdefault(keys[row], row)
    pairs = [
        (first[earlier][keys[row]], row)
        for earlier, later in ((0, 1), (0, 2), (1, 2))
        for row in sides[later].tolist()
        if keys[row] is not None and keys[row] in first[earlier]
    ]
    return sorted(pairs)


def _check(examples: Examples, shares: dict[str, float]) -> None:
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise DataError(
                f"The share for {name} is {share}", allowed="at least 0 and less than 1"
            )
    unlabelled = len(examples) - int(_labelled_rows(examples).sum())
    if unlabelled:
        raise DataError(
            f"{unlabelled} rows of {examples.source} have no label", next="give every row a label"
        )
    present = examples.class_counts()
    if len(present) < 2 and is_plain(examples.tasks):
        raise DataError(
            f"{examples.source} holds {len(examples)} usable rows of {len(present)} class",
            allowed="at least two classes",
            next="add rows of another class",
        )


def _labelled_rows(examples: Examples) -> npt.NDArray[np.bool_]:
    """(N,) whether a row has a label for any task."""
    columns = zip(examples.tasks, unpack(examples.tasks, examples.targets), strict=True)
    return np.asarray(np.any([is_labelled(task, column) for task, column in columns], axis=0))


def _check_train(examples: Examples, train: IntArray) -> None:
    counts = examples.class_counts(train)
    quantities = {task.name for task in examples.tasks if task.kind == "regression"}
    names = [name for name in examples.labels if name not in quantities]
    missing = [name for name in names if name not in counts]
    if missing:
        raise DataError(
            f"No training example of {', '.join(missing[:10])} is among the {len(train)} usable "
            f"training rows of {examples.source}",
            allowed="at least one training example of every class",
            next="add training rows of these classes, or remove them from the other parts",
        )


def _check_tasks(examples: Examples, train: IntArray) -> None:
    """Refuse a label column that no training row has a label in."""
    columns = unpack(examples.tasks, examples.targets[train])
    for task, column in zip(examples.tasks, columns, strict=True):
        if not is_labelled(task, column).any():
            raise DataError(
                f"None of the {len(train)} training rows of {examples.source} has a label in "
                f"column '{task.name}'",
                allowed="at least one labelled training row for every column",
                next="label some training rows, or leave the column out of --labels",
            )


def _check_test(examples: Examples, tested: IntArray) -> None:
    if len(tested):
        return
    if not is_plain(examples.tasks):
        raise DataError(
            f"No test part can be held out of the {len(examples)} usable rows of {examples.source}",
            allowed="two rows" + (" of two groups" if examples.groups is not None else ""),
            next="add rows, or give a test set with --test",
        )
    reason = "has one example only"
    if examples.groups is not None:
        reason = "lies in one group only, or shares one with such a class"
    raise DataError(
        f"No test part can be held out of {examples.source}: every class {reason}",
        allowed="a class with two examples"
        + (" in two groups" if examples.groups is not None else ""),
        next="add rows, or give a test set with --test",
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Unit:
    """Rows that stay together, and how many of them each of their classes has."""

    rows: IntArray
    counts: Counter[int]


def _carve(
    members: Sequence[tuple[int, ...]],
    units: list[IntArray],
    share: float,
    random: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """Moves units to a held-out part until every class has its quota there, or nearly so.

    `members` are the classes (strata) of every row.

    A local search from an empty part, largest units first and equal ones in random order: a
    unit changes sides where that brings the held-out class counts closer to the quotas in
    squares. Then a class that got nothing gets its smallest unit. No unit is held out that has
    the last training rows of a class.

    Returns:
        Held-out rows and the rest, both sorted.
    """
    shuffled = [units[number] for number in random.permutation(len(units))]
    ordered = [_Unit(u, _counted(members, u)) for u in sorted(shuffled, key=_smaller)]
    total = np.bincount([c for u in units for row in u for c in members[row]])
    missing, left = _quotas(total, share).tolist(), total.tolist()
    quota, held = missing.copy(), [False] * len(ordered)
    for _ in range(_PASSES):
        before = held.copy()
        for number, unit in enumerate(ordered):
            sign = -1 if held[number] else 1
            if _comes_closer(missing, unit, sign) and (held[number] or _spares(left, unit)):
                held[number] = not held[number]
                _move(missing, left, unit, sign)
        if held == before or not any(missing):
            break
    for number, unit in reversed(list(enumerate(ordered))):
        absent = any(0 < quota[c] == missing[c] for c in unit.counts)
        if absent and _spares(left, unit):
            held[number] = True
            _move(missing, left, unit, 1)
    return _rows(ordered, held, wanted=True), _rows(ordered, held, wanted=False)


def _counted(members: Sequence[tuple[int, ...]], rows: IntArray) -> Counter[int]:
    return Counter(c for row in rows for c in members[row])


def _smaller(rows: IntArray) -> int:
    return -len(rows)


def _comes_closer(missing: list[int], unit: _Unit, sign: int) -> bool:
    """Whether the squared distance from the quotas shrinks when the unit changes sides."""
    return sum(sign * n * (2 * missing[c] - sign * n) for c, n in unit.counts.items()) > 0


def _spares(left: list[int], unit: _Unit) -> bool:
    """Whether every class of the unit keeps a training row without it."""
    return all(left[c] > n for c, n in unit.counts.items())


def _move(missing: list[int], left: list[int], unit: _Unit, sign: int) -> None:
    for c, n in unit.counts.items():
        missing[c] -= sign * n
        left[c] -= sign * n


def _quotas(counts: IntArray, share: float) -> IntArray:
    """Rows per class to hold out: at least 1 of 2, together the share (largest remainder)."""
    exact = counts * share
    quota: IntArray = np.maximum(np.floor(exact), 1).astype(np.int64)
    quota = np.minimum(quota, np.maximum(counts - 1, 0))
    open_seats = round(share * int(counts.sum())) - int(quota.sum())
    by_remainder = np.argsort(-(exact - quota), kind="stable")
    for number in by_remainder[: max(open_seats, 0)]:
        if quota[number] < exact[number] and quota[number] < counts[number] - 1:
            quota[number] += 1
    return quota


def _rows(units: list[_Unit], held: list[bool], *, wanted: bool) -> IntArray:
    parts = [unit.rows for unit, taken in zip(units, held, strict=True) if taken is wanted]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
