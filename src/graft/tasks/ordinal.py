"""One class a row, and the classes have an order."""

from __future__ import annotations

import numpy as np

from graft.closedform import fit_ordered, softmax
from graft.closedform.linear import Float64Array
from graft.evaluation.ordered import (
    bootstrap_ordered,
    kappa_gains,
    ordered_figures,
    steps_off,
)
from graft.evaluation.transfer import compared
from graft.tasks.base import MOST_ERRORS, Answered
from graft.tasks.classification import Classification
from graft.types import FloatArray, Json, Targets, Task


class Ordinal(Classification):
    """Probabilities that sum to one; the most probable class is the answer, as anywhere else.

    What differs is what is learnt and measured: a near miss is better than a far one.
    """

    main = "quadratic_kappa"
    chosen_by = "quadratic_kappa"

    def evaluate(self, rows: Answered) -> Json:
        """The figures of plain classes, and before them `quadratic_kappa` and `mae`, in steps."""
        found = super().evaluate(rows)
        own = bootstrap_ordered(rows.answers, rows.targets, groups=rows.groups, seed=rows.seed)
        figures = {name: figure.to_dict() for name, figure in own.items()}
        return {**found, "metrics": {**figures, **found["metrics"]}}

    def linear(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Logistic regression with or without one direction for all steps."""
        found = fit_ordered(features, targets, len(task.labels))
        return softmax(found.solution.logits(wanted))

    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """By quadratic kappa."""
        return compared(
            self.main,
            lambda weights: ordered_figures(rows.answers, rows.targets, weights),
            lambda weights: ordered_figures(baseline, rows.targets, weights),
            steps_off(rows.answers, rows.targets),
            steps_off(baseline, rows.targets),
            rows.groups,
            against,
        )

    def gains(self, rows: Answered) -> Float64Array:
        """One minus the square of each row's steps over what squares would be by chance."""
        return kappa_gains(rows.answers, rows.targets)

    def row(self, task: Task, answers: FloatArray) -> Json:
        """`label`, `probabilities` and `place`, the mean place among the classes, from 0."""
        place = float(answers @ np.arange(len(answers)))
        return {**super().row(task, answers), "place": place}

    def unread(self) -> Json:
        """No label."""
        return {**super().unread(), "place": None}

    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """The answers furthest from the truth, among equals the most confident ones."""
        off = steps_off(rows.answers, rows.targets)
        order = np.lexsort((-rows.answers.max(axis=1), -off))[:MOST_ERRORS]
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
            for at in order
            if off[at] > 0
        ]
