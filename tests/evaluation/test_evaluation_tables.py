"""The tables agree with scikit-learn and with each other; JSON holds no NaN."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graft.errors import DataError
from graft.evaluation.evaluate import evaluate
from graft.evaluation.metrics import METRICS
from graft.evaluation.tables import confusion, per_class, wrongest
from graft.types import FloatArray, IntArray

LABELS = ("a", "b", "c", "d")


def sample(rows: int = 60) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(0)
    targets = random.integers(0, 4, rows)
    weights = random.random((rows, 4)) + np.eye(4)[targets] * 0.5
    return weights / weights.sum(axis=1, keepdims=True), targets


def test_per_class_equals_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    probabilities, targets = sample()
    columns = precision_recall_fscore_support(targets, probabilities.argmax(axis=1))
    for row, precision, recall, f1, support in zip(
        per_class(probabilities, targets, LABELS), *columns, strict=True
    ):
        for figure, expected in ((row.precision, precision), (row.recall, recall), (row.f1, f1)):
            assert figure is not None
            assert figure.value == pytest.approx(expected)
            assert figure.low <= figure.value <= figure.high
        assert row.support == support


def test_undefined_figures_are_none() -> None:
    probabilities = np.eye(4)[[0, 0, 1, 1]]
    rows = per_class(probabilities, np.array([0, 0, 0, 2]), LABELS)
    assert [row.precision is None for row in rows] == [False, False, True, True]
    assert [row.recall is None for row in rows] == [False, True, False, True]
    assert [row.f1 is None for row in rows] == [False, False, False, True]
    assert rows[3].to_dict() == {
        "label": "d",
        "support": 0,
        "precision": None,
        "recall": None,
        "f1": None,
    }


def test_a_perfect_class_of_three_rows_admits_doubt() -> None:
    targets = np.arange(12) % 4
    for row in per_class(np.eye(4)[targets], targets, LABELS):
        for figure in (row.precision, row.recall, row.f1):
            assert figure is not None
            assert figure.low == pytest.approx(3 / (3 + 1.96**2), abs=1e-3)


def test_confusion_equals_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix

    probabilities, targets = sample()
    expected = confusion_matrix(targets, probabilities.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(confusion(probabilities, targets), expected)


def test_wrongest_are_wrong_and_in_order() -> None:
    probabilities, targets = sample()
    rows = wrongest(probabilities, targets, 1000)
    confidence = probabilities[rows].max(axis=1)
    assert len(rows) == (probabilities.argmax(axis=1) != targets).sum()
    assert (np.diff(confidence) <= 0).all()
    np.testing.assert_array_equal(wrongest(probabilities, targets, 3), rows[:3])
    assert wrongest(np.eye(2), np.array([0, 1]), 3).size == 0


def test_evaluate_gathers_what_the_parts_say() -> None:
    probabilities, targets = sample()
    found = evaluate(probabilities, targets, LABELS)
    assert found.count == 60
    for name, metric in METRICS.items():
        assert found.metrics[name].value == pytest.approx(metric(probabilities, targets))
    assert found.per_class == per_class(probabilities, targets, LABELS)
    np.testing.assert_array_equal(found.confusion, confusion(probabilities, targets))
    assert sum(row.count for row in found.reliability) == 60


@pytest.mark.parametrize("rows", [1, 2, 60])
def test_the_dictionary_is_json_without_nan(rows: int) -> None:
    probabilities, targets = sample(60)
    fields = evaluate(
        probabilities[:rows].astype(np.float32), targets[:rows], LABELS, groups=np.arange(rows) // 2
    ).to_dict()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert set(fields) == {"count", "metrics", "per_class", "confusion", "reliability"}


def test_labels_must_fit() -> None:
    probabilities, targets = sample()
    with pytest.raises(DataError, match="2 labels for 4 columns"):
        evaluate(probabilities, targets, ["a", "b"])
