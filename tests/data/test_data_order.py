"""Classes with an order."""

from __future__ import annotations

import pytest

from graft.data import Examples, read
from graft.data.order import by_number, in_order
from graft.errors import DataError


def rated(labels: list[str]) -> Examples:
    return read(([f"text {n} of many" for n in range(len(labels))], labels), modality="text")


def test_an_order_reorders_classes_and_keeps_every_rows_class() -> None:
    labels = ["mid", "low", "high", "mid", "low", "high"]
    found = in_order(rated(labels), ["low", "mid", "high"], None)
    assert found.tasks[0].kind == "ordinal"
    assert found.labels == ("low", "mid", "high")
    assert [found.labels[target] for target in found.targets] == labels


def test_numbers_in_names_are_the_order() -> None:
    found = in_order(rated(["10 stars", "9 stars", "1 star"] * 2), [], "ordinal")
    assert found.labels == ("1 star", "9 stars", "10 stars")
    assert by_number(["0.5", "-1", "2"]) == ("-1", "0.5", "2")


def test_without_numbers_an_order_is_asked_for() -> None:
    with pytest.raises(DataError, match="not clear") as problem:
        in_order(rated(["low", "high"] * 2), [], "ordinal")
    assert "--order" in problem.value.next


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["low", "mid"], "lacks classes of 'label': high"),
        (["low", "mid", "mid", "high"], "names a class twice"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(order: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        in_order(rated(["low", "mid", "high"] * 2), order, "ordinal")


def test_an_order_of_no_column_is_refused() -> None:
    with pytest.raises(DataError, match="no column has these classes"):
        in_order(rated(["a", "b"] * 2), ["low", "high"], None)


def test_plain_classes_stay_as_they_are() -> None:
    examples = rated(["b", "a"] * 2)
    assert in_order(examples, [], None) is examples
