"""One class a row."""

from __future__ import annotations

import numpy as np

from graft.closedform import fit_probe, softmax
from graft.closedform.linear import Float64Array
from graft.evaluation import (
    evaluate,
    knn,
    majority,
    small_pictures,
    transfer_verdict,
    wrongest,
)
from graft.tasks.base import MOST_ERRORS, Answered, TaskKind
from graft.types import FloatArray, Json, Targets, Task


class Classification(TaskKind):
    """Probabilities that sum to one; the most probable class is the answer."""

    main = "accuracy"
    chosen_by = "accuracy"

    def answers(self, outputs: FloatArray) -> FloatArray:
        """The softmax, in float64."""
        wide = np.asarray(outputs, dtype=np.float64)
        return softmax(wide) if wide.size else wide

    def evaluate(self, rows: Answered) -> Json:
        """Also `per_class`, `confusion` and `reliability`."""
        found = evaluate(
            rows.answers, rows.targets, rows.task.labels, groups=rows.groups, seed=rows.seed
        )
        return found.to_dict()

    def constant(self, task: Task, targets: Targets, rows: int) -> tuple[str, FloatArray]:
        """The class frequencies."""
        return "majority", majority(targets, len(task.labels), rows)

    def neighbours(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Their votes."""
        return knn(features, targets, wanted, len(task.labels))

    def linear(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Multinomial logistic regression."""
        found = fit_probe(features, targets, len(task.labels))
        return softmax(found.solution.logits(wanted))

    def small_pictures(
        self, task: Task, pixels: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """A linear or a kernel classifier, whichever held-out rows prefer."""
        return small_pictures(pixels, targets, wanted, len(task.labels))

    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """By accuracy."""
        found = transfer_verdict(
            rows.answers, baseline, rows.targets, groups=rows.groups, against=against
        )
        return found.to_dict()

    def gains(self, rows: Answered) -> Float64Array:
        """1 where the most probable class is right, else 0."""
        return np.asarray(rows.answers.argmax(axis=1) == rows.targets, dtype=np.float64)

    def row(self, task: Task, answers: FloatArray) -> Json:
        """`label` and `probabilities`."""
        return {
            "label": task.labels[int(answers.argmax())],
            "probabilities": dict(zip(task.labels, answers.tolist(), strict=True)),
        }

    def unread(self) -> Json:
        """No label."""
        return {"label": None, "probabilities": None}

    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """The most confident mistakes."""
        labels = rows.task.labels
        return [
            (
                int(at),
                {
                    "label": labels[rows.targets[at]],
                    "predicted": labels[int(rows.answers[at].argmax())],
                    "probability": float(rows.answers[at].max()),
                },
            )
            for at in wrongest(rows.answers, rows.targets, MOST_ERRORS)
        ]
