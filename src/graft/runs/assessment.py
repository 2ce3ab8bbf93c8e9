"""The honest part: figures with intervals, baselines beside them, and whether transfer helped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.bank.bucketed import AnyFeed
from graft.bank.feed import Reader
from graft.data import Examples, Split
from graft.evaluation import (
    bootstrap,
    evaluate,
    knn,
    majority,
    transfer_verdict,
    wrongest,
)
from graft.runs.modality import parts_of
from graft.types import FloatArray, IntArray, Json

MOST_ERRORS = 12
# More training rows than this cost the baselines time and change their figures little.
REFERENCE_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Assessor:
    """Measures a trained network on the held-out rows.

    Attributes:
        examples: All rows.
        split: Their parts.
        feed: Inputs for the baseline without a pretrained model.
        features: Reader of the pretrained backbone's pooled features, for the kNN baseline.
        seed: Of the bootstrap.
    """

    examples: Examples
    split: Split
    feed: AnyFeed
    features: Reader
    seed: int

    def measure(self, predict: Callable[[IntArray], FloatArray], *, test: bool = True) -> Json:
        """The parts of the result that the held-out rows decide.

        Args:
            predict: Row numbers to probabilities (N, C).
            test: Whether to look at the test part.
        """
        validation = self._evaluate(predict(self.split.validation), self.split.validation)
        if not test:
            metrics = {"validation": validation["metrics"], "test": {}}
            return {"metrics": metrics, "baseline": {}, "errors": []}
        return self._measure_test(predict, validation)

    def _measure_test(self, predict: Callable[[IntArray], FloatArray], validation: Json) -> Json:
        test = self.split.test
        predicted = predict(test)
        tested = self._evaluate(predicted, test)
        baselines = self.baselines(test)
        figures = {name: self._figures(p, test) for name, p in baselines.items()}
        verdict = transfer_verdict(
            predicted,
            baselines[self.yardstick],
            self.targets(test),
            groups=self._groups(test),
            against=self.yardstick,
        )
        return {
            "metrics": {"validation": validation["metrics"], "test": tested["metrics"]},
            "baseline": figures,
            "transfer": verdict.to_dict(),
            **{key: tested[key] for key in ("per_class", "confusion", "reliability")},
            "errors": self._errors(predicted, test),
        }

    def baselines(self, rows: IntArray) -> dict[str, FloatArray]:
        """(N, C) probabilities of what needs no training, by name."""
        classes = len(self.examples.labels)
        train = reference_rows(self.targets(self.split.train), self.split.train)
        known = self.targets(train)
        return {
            "majority": majority(self.targets(self.split.train), classes, len(rows)),
            "knn": knn(self.features(train).numpy(), known, self.features(rows).numpy(), classes),
            self.yardstick: parts_of(self.examples.modality).yardstick[1](
                self.examples, self.feed, train, rows
            ),
        }

    @property
    def yardstick(self) -> str:
        """The baseline without a pretrained model: only who beats it shows that transfer helps."""
        return parts_of(self.examples.modality).yardstick[0]

    def targets(self, rows: IntArray) -> IntArray:
        """(N,) class indices of these rows."""
        return self.examples.targets[rows]

    def _groups(self, rows: IntArray) -> IntArray | None:
        groups = self.examples.groups
        return None if groups is None else groups[rows]

    def _figures(self, predicted: FloatArray, rows: IntArray) -> Json:
        found = bootstrap(predicted, self.targets(rows), groups=self._groups(rows), seed=self.seed)
        return {name: figure.to_dict() for name, figure in found.items()}

    def _evaluate(self, predicted: FloatArray, rows: IntArray) -> Json:
        if not len(rows):
            return {"metrics": {}}
        evaluation = evaluate(
            predicted,
            self.targets(rows),
            self.examples.labels,
            groups=self._groups(rows),
            seed=self.seed,
        )
        return evaluation.to_dict()

    def _errors(self, predicted: FloatArray, rows: IntArray) -> list[Json]:
        targets = self.targets(rows)
        return [
            {
                "row": int(rows[at]),
                "input": self.examples.inputs[rows[at]].name,
                "label": self.examples.labels[targets[at]],
                "predicted": self.examples.labels[int(predicted[at].argmax())],
                "probability": float(predicted[at].max()),
            }
            for at in wrongest(predicted, targets, MOST_ERRORS)
        ]


def reference_rows(targets: IntArray, rows: IntArray) -> IntArray:
    """At most `REFERENCE_ROWS` of the rows, evenly over each class, in their order."""
    if len(rows) <= REFERENCE_ROWS:
        return rows
    share = REFERENCE_ROWS / len(rows)
    kept = []
    for target in np.unique(targets):
        members = rows[targets == target]
        count = max(1, round(share * len(members)))
        kept.append(members[np.linspace(0, len(members) - 1, count).astype(np.int64)])
    return np.sort(np.concatenate(kept))
