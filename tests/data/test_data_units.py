from __future__ import annotations

import numpy as np

from graft.data.units import unit_numbers, units_of


def test_keys_of_different_columns_chain_rows_together() -> None:
    groups = ["a", "a", "b", "c", None]
    contents = [1, 2, 2, 3, None]
    units = units_of(np.arange(5), [groups, contents])
    assert [unit.tolist() for unit in units] == [[0, 1, 2], [3], [4]]


def test_only_the_rows_asked_for_are_joined() -> None:
    units = units_of(np.array([4, 2, 0]), [["x", "x", "y", "x", "x"]])
    assert [unit.tolist() for unit in units] == [[4, 0], [2]]


def test_without_keys_every_row_is_alone() -> None:
    assert [unit.tolist() for unit in units_of(np.arange(3), [])] == [[0], [1], [2]]


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    count = 5000
    first = [number // 2 for number in range(count)]
    second = [(number + 1) // 2 for number in range(count)]
    assert len(units_of(np.arange(count), [first, second])) == 1


def test_units_have_numbers_where_any_row_has_company() -> None:
    numbers = unit_numbers(4, [["a", "b", None, "a"], [b"1", b"2", b"2", b"3"]])
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 1, 0]
    assert unit_numbers(3, [["a", "b", "c"]]) is None
