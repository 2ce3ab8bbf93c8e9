from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.data.examples import Examples, Row, assemble
from graft.data.pictures import ArrayPicture
from graft.data.split import split
from graft.data.targets import encode, is_labelled, pack, shown_labels, support, unpack
from graft.errors import DataError
from graft.types import Task, output_names

SEVERAL = (
    Task("classification", ("x", "y"), "breed"),
    Task("regression", (), "age"),
    Task("multi-label", ("p", "q"), "colour"),
)
CELLS = (["x", None, "y"], [1.5, 2.5, None], [frozenset("pq"), None, frozenset()])


def made(rows: list[object], tasks: tuple[Task, ...]) -> Examples:
    return assemble(
        "made",
        [
            Row(ArrayPicture(np.array([[n % 256, n // 256]], np.uint8), f"row {n}"), row)  # type: ignore[arg-type]
            for n, row in enumerate(rows)
        ],
        tasks=tasks,
    )


def test_several_tasks_lie_side_by_side_with_gaps() -> None:
    targets = encode(SEVERAL, CELLS)
    gap = np.nan
    np.testing.assert_array_equal(targets, [[0, 1.5, 1, 1], [gap, 2.5, gap, gap], [1, gap, 0, 0]])
    breed, age, colour = unpack(SEVERAL, targets)
    assert breed.tolist() == [0, -1, 1]
    assert [is_labelled(t, c).tolist() for t, c in zip(SEVERAL, (breed, age, colour), strict=True)]
    assert is_labelled(SEVERAL[2], colour).tolist() == [True, False, True]
    assert support(SEVERAL[2], colour).tolist() == [1, 1]
    np.testing.assert_array_equal(pack(SEVERAL, [breed, age, colour]), targets)
    assert output_names(SEVERAL) == ("breed: x", "breed: y", "age", "colour: p", "colour: q")
    assert shown_labels(SEVERAL, targets)[1:] == ["age: 2.5", "breed: y; colour: (none)"]


def test_labels_are_recounted_in_a_models_order() -> None:
    known = tuple(Task(t.kind, t.labels[::-1], t.column) for t in SEVERAL)
    found = made([*zip(*CELLS, strict=True)], SEVERAL).with_tasks(known)
    assert found.targets[0].tolist() == [1, 1.5, 1, 1]
    assert found.targets[2, [0, 2, 3]].tolist() == [0, 0, 0]
    assert np.isnan(found.targets[1, [0, 2, 3]]).all()


def test_unknown_labels_and_other_kinds_are_refused() -> None:
    data = made([frozenset("ab"), frozenset("a")], (Task("multi-label"),))
    with pytest.raises(DataError, match="not known: b"):
        data.with_tasks((Task("multi-label", ("a",)),))
    with pytest.raises(DataError, match="labels for multi-label"):
        data.with_tasks((Task("regression"),))


def test_counts_and_empty_labels() -> None:
    data = made([frozenset("ab"), frozenset("a"), frozenset("c")], (Task("multi-label"),))
    assert data.class_counts() == {"a": 2, "b": 1, "c": 1}
    assert data.without({2: "damaged"}).without_empty_classes().labels == ("a", "b")
    assert made([1.5, 2.5], (Task("regression"),)).without_empty_classes().labels == ("value",)


def test_the_fingerprint_heeds_every_task() -> None:
    data = made([*zip(*CELLS, strict=True)], SEVERAL)
    other = made([*zip(*CELLS[:2], [*CELLS[2][:2], frozenset("p")], strict=True)], SEVERAL)
    assert data.fingerprint() != other.fingerprint()


def test_a_quantity_is_spread_over_both_sides() -> None:
    values = np.random.default_rng(0).normal(size=500) ** 3
    data = made(values.tolist(), (Task("regression"),))
    found = split(data, seed=0)
    assert (len(found.train), len(found.validation), len(found.test)) == (320, 80, 100)
    place = np.searchsorted(np.quantile(values, np.linspace(0, 1, 11)[1:-1]), values[found.test])
    assert np.bincount(place, minlength=10).tolist() == [10] * 10


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.integers(60, 200))
def test_every_label_is_on_every_side_in_about_its_share(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    marks = random.random((rows, 4)) < [0.5, 0.3, 0.2, 0.1]
    marks[:5] |= np.eye(5, 4, dtype=bool)
    sets = [frozenset("abcd"[n] for n in np.flatnonzero(row)) for row in marks]
    data = made([*sets], (Task("multi-label"),))
    found = split(data, seed=seed)
    together = np.concatenate([found.train, found.validation, found.test])
    assert sorted(together.tolist()) == [*range(rows)]
    assert abs(len(found.test) - 0.2 * rows) <= 0.04 * rows + 2
    wanted, got = data.class_counts(), data.class_counts(found.test)
    for name, count in wanted.items():
        assert data.class_counts(found.train)[name] > 0
        assert abs(got.get(name, 0) - 0.2 * count) <= 0.1 * count + 2


def test_rows_without_a_label_for_one_task_are_kept() -> None:
    rows = [(("x", "y")[n % 2] if n % 3 else None, float(n) if n % 5 else None) for n in range(60)]
    data = made([*rows], SEVERAL[:2])
    assert len(data) == 56
    assert [s.reason for s in data.set_aside] == ["no label"] * 4
    assert len(split(data, seed=0).test) in range(9, 14)


def test_a_column_without_a_label_in_the_training_part_is_refused() -> None:
    rows = [("xy"[n % 2], None if n < 6 else 0.5 * n) for n in range(9)]
    parts = ["train"] * 6 + ["test"] * 3
    data = replace(made([*rows], SEVERAL[:2]), parts=tuple(parts))
    with pytest.raises(DataError, match=r"None of the 6 training rows .* column 'age'"):
        split(data, seed=0)
