"""Any number of labels a row."""

from __future__ import annotations

import numpy as np
from scipy import special

from graft.closedform import fit_one_vs_rest, knn_means
from graft.closedform.linear import Float64Array
from graft.evaluation.labels import THRESHOLD, bootstrap_labels, label_figures, per_label
from graft.evaluation.transfer import compared
from graft.tasks.base import MOST_ERRORS, Answered, TaskKind, explained
from graft.types import FloatArray, Json, Targets, Task


class MultiLabel(TaskKind):
    """A probability for each label; those of at least one half are the answer."""

    main = "mean_average_precision"

    def answers(self, outputs: FloatArray) -> FloatArray:
        """The sigmoid, in float64."""
        return np.asarray(special.expit(np.asarray(outputs, dtype=np.float64)))

    def evaluate(self, rows: Answered) -> Json:
        """Also `per_class`, a row a label."""
        found = bootstrap_labels(rows.answers, rows.targets, groups=rows.groups, seed=rows.seed)
        table = per_label(
            rows.answers, rows.targets, rows.task.labels, groups=rows.groups, seed=rows.seed
        )
        return {
            "count": len(rows.targets),
            "metrics": {name: figure.to_dict() for name, figure in found.items()},
            "per_class": table,
        }

    def constant(self, task: Task, targets: Targets, rows: int) -> tuple[str, FloatArray]:
        """The share of training rows that bear each label."""
        shares = (targets.sum(axis=0) + 0.5) / (len(targets) + 1)
        return "prior", np.tile(shares, (rows, 1))

    def neighbours(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """The weighted share of them that bear each label."""
        return np.clip(knn_means(features, targets, wanted), 0, 1)

    def linear(
        self, task: Task, features: FloatArray, targets: Targets, wanted: FloatArray
    ) -> FloatArray:
        """A logistic regression for each label."""
        return self.answers(fit_one_vs_rest(features, targets).logits(wanted))

    def verdict(self, rows: Answered, baseline: FloatArray, against: str) -> Json:
        """By mean average precision."""
        return compared(
            self.main,
            lambda weights: label_figures(rows.answers, rows.targets, weights),
            lambda weights: label_figures(baseline, rows.targets, weights),
            _wrong(rows.answers, rows.targets),
            _wrong(baseline, rows.targets),
            rows.groups,
            against,
        )

    def gains(self, rows: Answered) -> Float64Array:
        """The share of the labels' variance that the probabilities explain."""
        return explained(rows.answers, rows.targets)

    def row(self, task: Task, answers: FloatArray) -> Json:
        """`labels`, those above the threshold, and `probabilities` of all."""
        return {
            "labels": [task.labels[n] for n in np.flatnonzero(answers >= THRESHOLD)],
            "probabilities": dict(zip(task.labels, answers.tolist(), strict=True)),
        }

    def unread(self) -> Json:
        """No labels."""
        return {"labels": None, "probabilities": None}

    def worst(self, rows: Answered) -> list[tuple[int, Json]]:
        """Where the probabilities are furthest from what is right, of rows that are not right."""
        wrong = np.flatnonzero(_wrong(rows.answers, rows.targets))
        distance = np.abs(rows.answers - rows.targets).max(axis=1)[wrong]
        order = wrong[np.argsort(-distance, kind="stable")][:MOST_ERRORS]
        return [(int(at), self._told(rows, at)) for at in order]

    def _told(self, rows: Answered, at: int) -> Json:
        names = rows.task.labels
        borne = [names[n] for n in np.flatnonzero(rows.targets[at])]
        given = self.row(rows.task, rows.answers[at])["labels"]
        return {"label": ", ".join(borne) or "(none)", "predicted": ", ".join(given) or "(none)"}


def _wrong(answers: FloatArray, targets: FloatArray) -> Float64Array:
    """(N,) how many labels are wrong."""
    return np.asarray(((answers >= THRESHOLD) != (targets > 0)).sum(axis=1), dtype=np.float64)
