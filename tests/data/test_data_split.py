from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.data.examples import Examples, Row, assemble
from graft.data.pictures import ArrayPicture
from graft.data.split import Split, duplicates_across, groups_across, split
from graft.errors import DataError


def examples(
    labels: Sequence[object],
    *,
    groups: Sequence[object] | None = None,
    parts: Sequence[str] | None = None,
    contents: Sequence[int] | None = None,
) -> Examples:
    """One row per label; rows with equal `contents` are equal pictures."""
    count = len(labels)
    numbers = range(count) if contents is None else contents
    rows = [
        Row(
            ArrayPicture(np.array([[number % 256, number // 256]], np.uint8), f"row {row}"),
            str(labels[row]),
            "" if parts is None else parts[row],
            None if groups is None else str(groups[row]),
        )
        for row, number in enumerate(numbers)
    ]
    return assemble("made", rows)


def sides(found: Split) -> dict[int, str]:
    return {
        row: name
        for name in ("train", "validation", "test")
        for row in getattr(found, name).tolist()
    }


def sizes(found: Split) -> tuple[int, int, int]:
    return len(found.train), len(found.validation), len(found.test)


def test_twenty_percent_and_twenty_percent_of_the_rest_by_class() -> None:
    data = examples([0] * 100 + [1] * 50)
    found = split(data, seed=0)
    assert sizes(found) == (96, 24, 30)
    assert data.class_counts(found.test) == {"0": 20, "1": 10}
    assert data.class_counts(found.validation) == {"0": 16, "1": 8}


def test_uneven_classes_sum_to_the_share() -> None:
    found = split(examples([n % 10 for n in range(1797)]), seed=1)
    assert sizes(found) == (1797 - 359 - 288, 288, 359)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (4, (2, 1, 1)), (5, (3, 1, 1))],
)
def test_small_classes_serve_training_first_then_test(
    count: int, expected: tuple[int, int, int]
) -> None:
    data = examples(["big"] * 50 + ["small"] * count)
    found = split(data, seed=3)
    parts = (found.train, found.validation, found.test)
    assert tuple(data.class_counts(rows).get("small", 0) for rows in parts) == expected


def test_ten_pictures_of_two_classes_suffice() -> None:
    assert sizes(split(examples("aaaaabbbbb"), seed=0)) == (6, 2, 2)


def test_the_seed_decides() -> None:
    data = examples([n % 3 for n in range(60)])
    first, same, other = (split(data, seed=seed) for seed in (5, 5, 6))
    assert sides(first) == sides(same) != sides(other)


def test_declared_parts_win() -> None:
    parts = ["train", "train", "validation", "test"] * 5
    found = split(examples(list("ab" * 10), parts=parts), seed=0, validation=0.5, test=0.5)
    assert [sides(found)[row] for row in range(20)] == parts


def test_a_missing_validation_part_comes_out_of_train_alone() -> None:
    parts = ["train"] * 20 + ["test"] * 10
    found = split(examples(list("ab" * 15), parts=parts), seed=0)
    assert found.test.tolist() == list(range(20, 30))
    assert sizes(found) == (16, 4, 10)


def test_a_missing_test_part_comes_out_of_train_alone() -> None:
    parts = ["validation"] * 10 + ["train"] * 10 + [""] * 10
    found = split(examples(list("ab" * 15), parts=parts), seed=0)
    assert found.validation.tolist() == list(range(10))
    assert sizes(found) == (16, 10, 4)


def test_shares_of_zero_leave_the_part_empty() -> None:
    assert sizes(split(examples("ab" * 5), seed=0, validation=0, test=0)) == (10, 0, 0)


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=80).filter(lambda x: len(set(x)) > 1),
    group_count=st.one_of(st.none(), st.integers(1, 30)),
    seed=st.integers(0, 1000),
    copies=st.integers(1, 80),
)
def test_every_split_keeps_its_promises(
    labels: list[int], group_count: int | None, seed: int, copies: int
) -> None:
    random = np.random.default_rng(seed)
    groups = None if group_count is None else random.integers(0, group_count, len(labels))
    contents = random.integers(0, copies, len(labels)) if copies < 60 else None
    data = examples(
        labels,
        groups=None if groups is None else groups.tolist(),
        contents=None if contents is None else contents.tolist(),
    )
    try:
        found = split(data, seed=seed)
    except DataError as error:
        assert "No test part can be held out" in error.found  # noqa: PT017 - either is right
        return
    together = np.concatenate([found.train, found.validation, found.test])
    assert sorted(together.tolist()) == list(range(len(labels)))
    assert all((np.diff(rows) > 0).all() for rows in (found.train, found.validation, found.test))
    assert set(data.class_counts(found.train)) == set(data.labels)
    assert not duplicates_across(data, found)
    assert not groups_across(data, found)
    assert len(found.test) > 0


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_kept_whole_and_classes_roughly_even(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, groups = random.integers(0, 3, 600), random.integers(0, 60, 600)
    data = examples(labels.tolist(), groups=groups.tolist())
    found = split(data, seed=seed)
    assert not groups_across(data, found)
    assert len(found.test) == pytest.approx(120, abs=12)
    assert len(found.validation) == pytest.approx(96, abs=12)
    shares = [n / len(found.test) for n in data.class_counts(found.test).values()]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.08)


def test_a_class_in_two_large_groups_is_still_tested() -> None:
    data = examples("a" * 20 + "b" * 20, groups=[1] * 10 + [2] * 10 + [3] * 10 + [4] * 10)
    found = split(data, seed=0, validation=0)
    assert data.class_counts(found.test) == {"a": 10, "b": 10}


def test_where_every_class_is_one_group_nothing_can_be_held_out() -> None:
    with pytest.raises(DataError, match="one group only") as caught:
        split(examples("aabb", groups=[1, 1, 2, 2]), seed=0)
    assert "--test" in caught.value.next


def test_equal_pictures_stay_on_one_side() -> None:
    data = examples("ab" * 30, contents=[n // 6 for n in range(60)])
    assert not duplicates_across(data, split(data, seed=0))


def test_leaks_of_declared_parts_are_all_found_and_nothing_is_moved() -> None:
    parts = ["train"] * 4 + ["validation"] * 2 + ["test"] * 3
    contents = [0, 1, 2, 2, 1, 5, 2, 5, 8]
    data = examples("ababababa", parts=parts, contents=contents, groups=[0, 1, 2, 3, 4, 5, 0, 7, 8])
    found = split(data, seed=0)
    assert [sides(found)[row] for row in range(9)] == parts
    assert duplicates_across(data, found) == [(1, 4), (2, 6), (5, 7)]
    assert groups_across(data, found) == [(0, 6)]


@pytest.mark.parametrize("shares", [(1.0, 0.2), (-0.1, 0.2), (0.2, 1.5)])
def test_shares_out_of_range_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="The share for"):
        split(examples("abab"), validation=shares[0], test=shares[1], seed=0)


def test_one_example_of_each_class_cannot_be_tested() -> None:
    with pytest.raises(DataError, match="every class has one example only"):
        split(examples("abc"), seed=0)
    assert sizes(split(examples("abc"), seed=0, test=0)) == (3, 0, 0)


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="1 class"):
        split(examples("aaaa"), seed=0)


def test_a_class_that_train_lacks_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="No training example of c"):
        split(examples("ababc", parts=["train"] * 4 + ["test"]), seed=0)


def test_rows_without_label_are_refused() -> None:
    data = assemble("made", [Row(p, None) for p in examples("ab").pictures], labelled=False)
    with pytest.raises(DataError, match="2 rows of made have no label"):
        split(data, seed=0)
