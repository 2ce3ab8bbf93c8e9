"""The honest part: figures with intervals, baselines beside them, and whether transfer helped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.bank.bucketed import AnyFeed
from graft.bank.feed import Reader
from graft.data import Examples, Split
from graft.data.targets import strata
from graft.evaluation.baselines import MOST_ROWS, stratified_rows
from graft.runs.modality import parts_of
from graft.tasks.several import Held, Reference, without_metrics
from graft.types import FloatArray, IntArray, Json

# More training rows than this cost the baselines time and change their figures little.
REFERENCE_ROWS = 5000
SINGLE = "single_task"


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

    def before(self) -> None:
        """Nothing: the pretrained features are in the bank, or computed as they are read."""

    def measure(self, predict: Callable[[IntArray], FloatArray], *, test: bool = True) -> Json:
        """The parts of the result that the held-out rows decide.

        Args:
            predict: Row numbers to probabilities (N, C).
            test: Whether to look at the test part.
        """
        held = self.held(predict(self.split.validation), self.split.validation)
        validation = held.evaluate() if len(held.answers) else {"metrics": {}}
        if not test:
            metrics = {"validation": validation["metrics"], "test": {}}
            return {"metrics": metrics, "baseline": {}, "errors": []}
        return self._measure_test(predict, validation)

    def _measure_test(self, predict: Callable[[IntArray], FloatArray], validation: Json) -> Json:
        test = self.split.test
        model = self.held(predict(test), test)
        tested = model.evaluate()
        baselines = self.baselines(test)
        verdicts = model.verdicts(baselines[self.yardstick], self.yardstick)
        single = len(self.examples.tasks) == 1
        return {
            "metrics": {"validation": validation["metrics"], "test": tested["metrics"]},
            "baseline": {
                name: self.held(answers, test).figures() for name, answers in baselines.items()
            },
            "transfer": next(iter(verdicts.values())) if single else {"tasks": verdicts},
            **{k: v for k, v in without_metrics(tested).items() if k != "count"},
            "errors": [
                {"row": int(test[at]), "input": self.examples.inputs[test[at]].name, **told}
                for at, told in model.worst()
            ],
        }

    def held(self, answers: FloatArray, rows: IntArray) -> Held:
        """These rows with answers for them."""
        examples, groups = self.examples, self.examples.groups
        return Held(
            examples.tasks,
            answers,
            examples.targets[rows],
            None if groups is None else groups[rows],
            self.seed,
        )

    def baselines(self, rows: IntArray) -> dict[str, FloatArray]:
        """(N, C) answers of what needs no training, by name; with several tasks also of what one
        task at a time reaches on the frozen backbone."""
        everything = self._reference(self.split.train)
        train = reference_rows(self._strata(self.split.train), self.split.train)
        known, wanted = self.features(train).numpy(), self.features(rows).numpy()
        small = train[stratified_rows(self._strata(train), MOST_ROWS)]
        found = {
            **everything.constant(len(rows)),
            "knn": self._reference(train).neighbours(known, wanted),
            self.yardstick: parts_of(self.examples.modality).yardstick[1](
                self.examples, self.feed, small, rows
            ),
        }
        if len(self.examples.tasks) > 1:
            features = self.features(self.split.train).numpy()
            found[SINGLE] = everything.linear(features, wanted)
        return found

    def _reference(self, rows: IntArray) -> Reference:
        return Reference(self.examples.tasks, self.examples.targets[rows])

    @property
    def yardstick(self) -> str:
        """The baseline without a pretrained model: only who beats it shows that transfer helps."""
        return parts_of(self.examples.modality).yardstick[0]

    def _strata(self, rows: IntArray) -> IntArray:
        """(N,) a class for each row: its own, or one of those that it is split by."""
        members = strata(self.examples.tasks, self.examples.targets[rows])
        return np.array([row[-1] for row in members], dtype=np.int64)


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
