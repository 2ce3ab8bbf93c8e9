from __future__ import annotations

import math

import numpy as np
import pytest

from graft.data.kinds import find_kind, kinds_named, read_labels
from graft.data.label_columns import read_label_columns
from graft.errors import DataError, UnknownNameError
from graft.types import Task

MISSING = (None, "", " ", math.nan)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["cat", "dog", ""], "classification"),
        ([0, 1, 2, None], "classification"),
        ([1.0, 2.0, math.nan], "classification"),
        (["1.0", "2.0"], "classification"),
        ([True, False], "classification"),
        (["1e5", "2e3"], "classification"),
        (["0.5", "2", ""], "regression"),
        ([0.5, 2, None], "regression"),
        ([["a"], ["a", "b"], []], "multi-label"),
        ([np.array(["a"]), np.array([])], "multi-label"),
        (['["a", "b"]', "[]"], "multi-label"),
        (["['a', 'b']", "['b']"], "multi-label"),
        (["a|b", "b", "a", "a|b|c"], "multi-label"),
        (["a;b", "b", "a", "b;a"], "multi-label"),
        (["rock|pop", "jazz"], "classification"),
        (["tench, Tinca tinca", "tench"], "classification"),
        ([*range(30)] * 5, "classification"),
        ([*range(30)], "classification"),
        ([f"{n:03}" for n in [*range(30), 0]], "classification"),
        ([*MISSING], "classification"),
    ],
)
def test_the_cells_tell_the_kind(values: list[object], kind: str) -> None:
    assert find_kind(values, "c") == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([*range(20, 60), 20, 30], "classes or a quantity"),
        ([str(n) for n in [*range(40), 3]], "classes or a quantity"),
        (["a|b", "a|c", "d|e"], "several labels, or one name"),
    ],
)
def test_what_is_not_clear_is_asked(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        find_kind(values, "c")
    assert "--task" in caught.value.allowed


def test_the_user_names_one_kind_or_one_for_each() -> None:
    assert kinds_named("regression", 2) == ("regression", "regression")
    with pytest.raises(UnknownNameError, match="'regresion'"):
        kinds_named("regresion", 1)
    with pytest.raises(DataError, match="2 tasks are named for 3"):
        kinds_named("regression,classification", 3)


def test_sets_from_lists_marks_and_json() -> None:
    expected = [frozenset("ab"), frozenset(), None, frozenset("b")]
    for values in (
        [["a", "b"], [], None, ("b",)],
        ['["a", "b"]', "[]", "", '["b"]'],
    ):
        assert read_labels(values, "c", "multi-label") == expected
    assert read_labels(["a, b", "b", None], "c", "multi-label") == [
        *expected[:1],
        *"",
        *[
            frozenset("b"),
            None,
        ],
    ]
    assert read_labels(["a|b,c"], "c", "multi-label") == [frozenset(["a", "b,c"])]


def test_a_list_among_texts_and_an_empty_label_are_refused() -> None:
    with pytest.raises(DataError, match="holds lists, and 'b', which is none"):
        read_labels([["a"], "b"], "c", "multi-label")
    with pytest.raises(DataError, match="an empty label"):
        read_labels([["a", ""]], "c", "multi-label")


def test_numbers_are_finite_and_the_row_is_named() -> None:
    assert read_labels(["1", 2.5, None, np.float32(0.5)], "c", "regression") == [1, 2.5, None, 0.5]
    for bad in ("old", "1,5", "inf", True, [1.0]):
        with pytest.raises(DataError, match=r"Column 'c' holds .* in row 2, which is not a number"):
            read_labels([1.0, bad], "c", "regression")


def test_several_columns_keep_what_each_row_has() -> None:
    columns = {"breed": ["pug", "", ""], "age": ["1.5", "2", ""], "colour": ["a|b", "a", ""]}
    tasks, rows = read_label_columns(columns, {}, "classification,regression,multi-label")
    assert tasks == (
        Task("classification", (), "breed"),
        Task("regression", (), "age"),
        Task("multi-label", (), "colour"),
    )
    assert rows == [("pug", 1.5, frozenset("ab")), (None, 2.0, frozenset("a")), None]
    with pytest.raises(DataError, match="Column 'age' holds no labels: all of its 3 cells"):
        read_label_columns({**columns, "age": ["", None, ""]}, {}, None)


def test_declared_class_names_stand_for_numbers_in_sets_too() -> None:
    names = {"a": ("x", "y")}
    assert read_label_columns({"a": [1, 0, -1]}, names, None)[1] == ["y", "x", None]
    sets = read_label_columns({"a": [[1, 0], []]}, names, "multi-label")
    assert sets == ((Task("multi-label", ("x", "y"), "a"),), [frozenset("xy"), frozenset()])
