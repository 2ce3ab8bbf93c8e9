"""Charts: what is drawn is what was given."""

from __future__ import annotations

import re

import pytest

from graft.report.figures import confusion, curve, forest, reliability
from graft.report.words import shorten


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_confusion_writes_every_count_but_zero_and_names_each_class_twice() -> None:
    svg = confusion({"labels": ["cat", "dog"], "counts": [[17, 0], [5, 1234]]}, "matrix")
    assert sorted(words(svg)) == sorted(
        ["17", "5", "1234", "cat", "cat", "dog", "dog", "truth", "predicted"]
    )


def test_confusion_shades_each_row_by_its_own_total() -> None:
    svg = confusion({"labels": ["a", "b"], "counts": [[1, 1], [500, 500]]}, "matrix")
    cells = re.findall(r"<path d=\"([^\"]+)\"[^>]*fill: var\(--accent\)", svg)
    assert [path.count("z") for path in cells] == [4]  # four halves, one shade


def test_large_confusion_has_no_counts_and_short_names() -> None:
    labels = [f"a rather long name for class {i}" for i in range(31)]
    counts = [[7 * (i == j) for j in range(31)] for i in range(31)]
    shown = words(confusion({"labels": labels, "counts": counts}, "matrix"))
    assert "7" not in shown
    assert shown.count(shorten(labels[3], 18)) == 2
    assert max(map(len, shown)) <= 18


def test_class_without_test_images_leaves_its_row_empty() -> None:
    svg = confusion({"labels": ["a", "b"], "counts": [[3, 0], [0, 0]]}, "matrix")
    assert words(svg).count("3") == 1


@pytest.mark.parametrize(("in_percent", "written"), [(True, "91.0%"), (False, "0.910")])
def test_forest_writes_each_value(in_percent: bool, written: str) -> None:
    rows = [
        {"name": "Model", "own": True, "value": 0.91, "low": 0.9, "high": 0.93},
        {"name": "Simple", "own": False, "value": 0.91, "low": None, "high": None},
    ]
    assert words(forest({"rows": rows, "in_percent": in_percent}, "dots")).count(written) == 2


@pytest.mark.parametrize(("best", "marked"), [(2, True), (0, False), (None, False)])
def test_curve_marks_the_best_epoch_that_was_run(best: int | None, marked: bool) -> None:
    series = [{"name": "validation", "values": [0.5, None, 0.4]}]
    data = {"in_percent": False, "epochs": [1, 2, 3], "best": best, "series": series}
    shown = words(curve(data, "loss"))
    assert ("best: epoch 2" in shown) == marked
    assert "validation" in shown


def test_reliability_draws_no_point_for_an_empty_bin() -> None:
    full = {"low": 0.5, "high": 1.0, "count": 9, "confidence": 0.8, "accuracy": 0.7}
    empty = {"low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None}
    alone, both = (reliability({"bins": bins}, "bins") for bins in ([full], [empty, full]))
    assert alone.count("<use") == both.count("<use")


def test_charts_of_one_page_share_no_ids() -> None:
    rows = [{"name": "Model", "own": True, "value": 0.9, "low": 0.8, "high": 0.95}]
    ids = [
        name
        for alt in ("first", "second")
        for name in re.findall(r" id=\"(\w+)\"", forest({"rows": rows, "in_percent": True}, alt))
    ]
    assert ids
    assert len(ids) == len(set(ids))
