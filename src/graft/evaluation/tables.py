"""Tables beside the headline: one row a class, the confusion matrix, the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.errors import DataError
from graft.evaluation.intervals import interval, number_of_units, resampled_sums
from graft.evaluation.sums import (
    class_f1,
    class_precision,
    class_recall,
    plain_sums,
)
from graft.types import FloatArray, IntArray, Interval, Json


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How one class fares.

    Attributes:
        label: Its name.
        support: Rows of this class.
        precision: Share of the rows predicted as it that are; None if it was never predicted.
        recall: Share of its rows that were found; None if it has no rows.
        f1: `2 hits / (support + predicted)`; None if it neither occurs nor was predicted.
    """

    label: str
    support: int
    precision: Interval | None
    recall: Interval | None
    f1: Interval | None

    def to_dict(self) -> Json:
        """The fields as JSON values; an undefined figure is null."""
        figures = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        cells = {name: found and found.to_dict() for name, found in figures.items()}
        return {"label": self.label, "support": self.support, **cells}


def per_class(
    probabilities: FloatArray,
    targets: IntArray,
    labels: Sequence[str],
    *,
    groups: IntArray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[ClassRow, ...]:
    """Precision, recall and F1 of every class with 95 % bootstrap intervals.

    Resamples in which a figure is undefined do not count for it. Where the resamples do not vary
    (all right or all wrong), Wilson's interval is taken with the rows behind the figure: predicted
    rows for precision, the class's rows for recall, the mean of both for F1.

    Args:
        probabilities: (N, C).
        targets: (N,) class indices.
        labels: C names.
        groups: (N,) group numbers; whole groups are drawn.
        resamples: Number of resamples.
        seed: Same seed, same intervals.

    Raises:
        DataError: Another number of labels than classes, or as for `bootstrap`.
    """
    check_labels(probabilities, labels)
    whole = plain_sums(probabilities, targets)
    drawn = resampled_sums(probabilities, targets, groups, resamples, seed)
    share = number_of_units(targets, groups) / len(targets)
    support, predicted = whole.support[0], whole.predicted[0]
    columns = {
        "precision": (class_precision, predicted),
        "recall": (class_recall, support),
        "f1": (class_f1, (support + predicted) / 2),
    }
    cells = {
        name: [
            None if np.isnan(value) else interval(value, resampled, number * share)
            for value, resampled, number in zip(
                figure(whole)[0], figure(drawn).T, numbers, strict=True
            )
        ]
        for name, (figure, numbers) in columns.items()
    }
    return tuple(
        ClassRow(label, int(count), precision, recall, f1)
        for label, count, precision, recall, f1 in zip(
            labels, support, cells["precision"], cells["recall"], cells["f1"], strict=True
        )
    )


def confusion(probabilities: FloatArray, targets: IntArray) -> IntArray:
    """Counts (C, C): rows are true classes, columns predicted ones.

    Raises:
        DataError: As `graft.evaluation.sums.check` says.

    >>> confusion(np.eye(2)[[0, 1, 1]], np.array([0, 0, 1])).tolist()
    [[1, 1], [0, 1]]
    """
    plain_sums(probabilities, targets)
    classes = probabilities.shape[1]
    cells = targets * classes + probabilities.argmax(axis=1)
    counts = np.bincount(cells, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def wrongest(probabilities: FloatArray, targets: IntArray, k: int) -> IntArray:
    """Row numbers of the most confident mistakes, at most k, the worst first.

    Raises:
        DataError: As `graft.evaluation.sums.check` says.

    >>> wrongest(np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]), np.array([0, 0, 0]), 5).tolist()
    [1, 2]
    """
    plain_sums(probabilities, targets)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return wrong[order[:k]].astype(np.int64)


def check_labels(probabilities: FloatArray, labels: Sequence[str]) -> None:
    """Refuse label names that do not match the columns.

    Raises:
        DataError: Their numbers differ.
    """
    if len(labels) != probabilities.shape[1]:
        raise DataError(
            f"There are {len(labels)} labels for {probabilities.shape[1]} columns of probabilities",
            allowed="one label a column",
        )
