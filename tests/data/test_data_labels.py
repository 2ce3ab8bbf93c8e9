from __future__ import annotations

import numpy as np
import pytest

from graft.data.labels import index_of, label_texts, natural_key
from graft.data.parts import part_named
from graft.errors import DataError


def test_integers_sort_by_value_and_before_words() -> None:
    assert index_of(["10", "9", "b", "-2", "a10", "a9"]) == ("-2", "9", "10", "a9", "a10", "b")


def test_the_order_is_total_and_does_not_depend_on_the_input() -> None:
    names = ["1", "01", "a", "A", "a1b", "a01b", ""]
    assert len({natural_key(name) for name in names}) == len(names)
    assert index_of(names) == index_of(names[::-1])


def test_leading_zeros_survive() -> None:
    assert label_texts(["01", "1", "007"], "label") == ["01", "1", "007"]


@pytest.mark.parametrize("missing", [None, "", "  ", float("nan")])
def test_missing_labels_are_none(missing: object) -> None:
    assert label_texts(["a", missing], "label") == ["a", None]


def test_whole_floats_are_the_integers_that_a_missing_cell_made_float() -> None:
    assert label_texts([3.0, float("nan"), 10.0], "y") == ["3", None, "10"]
    assert label_texts(["3.0", "", "10.0"], "y") == ["3", None, "10"]


def test_booleans_and_numpy_integers_are_classes() -> None:
    assert label_texts([True, np.bool_(False)], "y") == ["true", "false"]
    assert label_texts([np.int64(3), np.uint8(4)], "y") == ["3", "4"]


@pytest.mark.parametrize("values", [[0.5, 1.0], ["0.37", "1.2"], [1, 2.5]])
def test_fractions_are_refused_as_a_quantity(values: list[object]) -> None:
    with pytest.raises(DataError, match="classes are asked for") as caught:
        label_texts(values, "price")
    assert "price" in caught.value.found
    assert "ranges" in caught.value.next


def test_words_with_numbers_are_no_quantity() -> None:
    assert label_texts(["v1.5", "0.5"], "label") == ["v1.5", "0.5"]
    assert label_texts(["1e5", "2e3"], "label") == ["1e5", "2e3"]


def test_several_labels_per_row_are_refused() -> None:
    with pytest.raises(DataError, match="list"):
        label_texts([["a", "b"]], "label")


@pytest.mark.parametrize(
    ("name", "part"),
    [("Train", "train"), (" VAL ", "validation"), ("valid", "validation"), ("TEST", "test")],
)
def test_parts_are_known_by_their_usual_names(name: str, part: str) -> None:
    assert part_named(name) == part


def test_other_names_are_no_part() -> None:
    assert part_named("trains") is None
