"""The honest part of translation: BLEU and chrF beside those of the model before fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from graft.backbones.seq2seq import Decoding
from graft.data import Examples, Split
from graft.evaluation.translation import (
    Statistics,
    compare_translations,
    signatures,
    statistics,
)
from graft.network import Network
from graft.progress import Progress
from graft.runs.translating import (
    backbone_of,
    measured,
    references,
    sources,
    told,
    translations,
)
from graft.types import FloatArray, IntArray, Json, Targets

MOST_TEST, MOST_VALIDATION = 2000, 500
"""Sentences of each part that are translated at most; more change the figures little."""
SHOWN = 12
FEWEST_TOKENS = 32
UNTUNED, COPY = "untuned", "copy"


@dataclass(slots=True)
class TranslationAssessor:
    """Measures a trained network on the held-out rows.

    Attributes:
        examples: All rows.
        split: Their parts.
        network: The network, which training changes in place.
        seed: Of the bootstrap.
        progress: Told how far the work is.
        warnings: Gets a sentence where not all rows are translated.
        untuned: Translations of the test rows before training.
    """

    examples: Examples
    split: Split
    network: Network
    seed: int
    progress: Progress
    warnings: list[str]
    untuned: list[str] = field(default_factory=list)

    def before(self) -> None:
        """Translate the test rows with the pretrained weights."""
        rows = self._rows(self.split.test, MOST_TEST)
        self.untuned = self._translate(rows, None, "translate, untuned")

    def measure(
        self,
        predict: Callable[[IntArray], FloatArray],  # noqa: ARG002 - labels need it
        *,
        test: bool = True,
    ) -> Json:
        """The parts of the result that the held-out rows decide.

        Args:
            predict: Not used: translations are looked for token by token.
            test: Whether to look at the test part.
        """
        decoding = backbone_of(self.network).decoding
        validation = self._validation(replace(decoding, beams=1))
        if not test:
            metrics = {"validation": validation, "test": {}}
            return {"metrics": metrics, "baseline": {}, "errors": []}
        rows = self._rows(self.split.test, MOST_TEST)
        found = self._translate(rows, None, "translate")
        given = references(self.examples, rows)
        groups = None if self.examples.groups is None else self.examples.groups[rows]
        model = statistics(found, given)
        baselines = {
            UNTUNED: statistics(self.untuned, given),
            COPY: statistics(sources(self.examples, rows), given),
        }
        return {
            "metrics": {
                "validation": validation,
                "test": measured(model, groups, self.seed)["metrics"],
            },
            "baseline": {
                name: measured(each, groups, self.seed)["metrics"]
                for name, each in baselines.items()
            },
            "transfer": compare_translations(model, baselines[UNTUNED], groups, UNTUNED),
            "signatures": signatures(),
            "decoding": {**told(decoding), "test": len(rows), "validation": "greedy"},
            **self._examples(rows, model, found),
        }

    def _validation(self, decoding: Decoding) -> Json:
        rows = self._rows(self.split.validation, MOST_VALIDATION)
        if not len(rows):
            return {}
        found = self._translate(rows, decoding, "translate, greedy")
        groups = None if self.examples.groups is None else self.examples.groups[rows]
        given = references(self.examples, rows)
        metrics: Json = measured(statistics(found, given), groups, self.seed)["metrics"]
        return metrics

    def _translate(self, rows: IntArray, decoding: Decoding | None, title: str) -> list[str]:
        texts = sources(self.examples, rows)
        return translations(self.network, texts, decoding, self.progress, title)[0]

    def _rows(self, rows: IntArray, most: int) -> IntArray:
        """At most so many of the rows, evenly chosen."""
        if len(rows) <= most:
            return rows
        sentence = f"{most} of {len(rows)} held-out sentences are translated, evenly chosen."
        if sentence not in self.warnings:
            self.warnings.append(sentence)
        return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]

    def _examples(self, rows: IntArray, model: Statistics, found: list[str]) -> Json:
        """The worst translations and the best that were not given word for word."""
        scores = model.sentences("chrf")
        order = np.argsort(scores, kind="stable")
        texts, given = sources(self.examples, rows), references(self.examples, rows)

        def shown(at: int) -> Json:
            return {
                "input": self.examples.inputs[rows[at]].name,
                "text": texts[at],
                "label": given[at],
                "predicted": found[at],
                "before": self.untuned[at],
                "chrf": round(float(scores[at]), 1),
            }

        worst = [shown(int(at)) for at in order[:SHOWN] if found[at] != given[at]]
        best = [shown(int(at)) for at in order[::-1][:SHOWN]]
        return {"errors": worst, "best": best}


def settle_length(network: Network, labels: Targets, ignored: int) -> None:
    """Let translations be twice as long as the longest that is given, and no longer.

    Args:
        network: Whose decoding is settled.
        labels: (N, T) tokens of the translations.
        ignored: What stands there where there is no token.
    """
    decoding = backbone_of(network).decoding
    longest = int((labels != ignored).sum(1).max(initial=0))
    decoding.longest = min(decoding.longest, max(FEWEST_TOKENS, 2 * longest))
