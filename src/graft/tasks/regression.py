"""A number."""

from __future__ import annotations

import numpy as np

from graft.closedform import fit_quantities, knn_means
from graft.closedform.linear import Float64Array
from graft.evaluation.quantities import bootstrap_quantities, quantity_figures
from graft.evaluation.transfer import compared
from graft.tasks.base import MOST_ERRORS, Answered, TaskKind, explained
from graft.types import FloatArray, Json, Targets, Task

MOST_POINTS = 500


class Regression(TaskKind):
    """The number, in its own units."""

    main = "r2"

    def answers(self, outputs: FloatArray) -> FloatArray:
        """The outputs, in float64."""
        return np.asarray(outputs, dtype=np.float64)

    def evaluate(self, rows: Answered) -> Json:
        """Also `points`: pairs of truth and answer of at most 500 rows, evenly chosen."""
        answers = rows.answers[:, 0]
        found = bootstrap_quantities(answers, rows.targets, groups=rows.groups, seed=rows.seed)
        count = len(rows.targets)
        chosen = np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(np.int64)
        return {
            "count": count,
            "metrics": {name: figure.to_dict() for name, figure in found.items()},
            "points": [[float(rows.targets[at]), float(answers[at])] for at in chosen],
        }

    def constant(self, task: Task, targets: Targets, rows: int) -> tuple[str, FloatArray]:
        """The mean of the training rows."""
        return "mean", np.full((rows, 1), float(targets.mean()))

    def neighbours(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Their weighted mean."""
        return knn_means(features, targets[:, None], wanted)

    def linear(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """Ridge regression; with a single row its value."""
        if len(targets) < 2:
            return self.constant(task, targets, len(wanted))[1]
        return fit_quantities(features, targets[:, None]).logits(wanted)

    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """By the share of variance that is explained."""
        answers, other, targets = rows.answers[:, 0], baseline[:, 0], rows.targets
        return compared(
            self.main,
            lambda weights: quantity_figures(answers, targets, weights),
            lambda weights: quantity_figures(other, targets, weights),
            np.abs(answers - targets),
            np.abs(other - targets),
            rows.groups,
            against,
        )

    def gains(self, rows: Answered) -> Float64Array:
        """The share of variance that is explained."""
        return explained(rows.answers, rows.targets[:, None])

    def row(self, task: Task, answers: FloatArray) -> Json:
        """`value`."""
        return {"value": float(answers[0])}

    def unread(self) -> Json:
        """No value."""
        return {"value": None}

    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """The largest errors."""
        error = np.abs(rows.answers[:, 0] - rows.targets)
        order = np.argsort(-error, kind="stable")[:MOST_ERRORS]
        return [
            (
                int(at),
                {
                    "label": f"{rows.targets[at]:g}",
                    "predicted": f"{rows.answers[at, 0]:.4g}",
                    "error": float(error[at]),
                },
            )
            for at in order
            if error[at] > 0
        ]
