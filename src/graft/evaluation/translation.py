"""BLEU and chrF of translations, through sacrebleu, with bootstrap intervals.

Both are functions of sums over sentences, so a resample costs no more than adding up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from graft.closedform.linear import Float64Array
from graft.errors import ResourceError
from graft.evaluation.resampling import Figures, bootstrap_of, difference_of
from graft.evaluation.transfer import SIGNIFICANCE, sign_test_of
from graft.types import IntArray, Interval, Json

RESAMPLES = 1000
MAIN = "bleu"
VERDICTS = {
    True: "Fine-tuning helps",
    False: "Fine-tuning hurts",
    None: "No difference could be shown",
}
BASELINE_NAMES = {"untuned": "the model before fine-tuning", "copy": "copying the source"}


def _sacrebleu() -> Any:
    try:
        import sacrebleu.metrics
    except ModuleNotFoundError as error:
        raise ResourceError(
            "Translation is measured by the package sacrebleu, which is not installed",
            next="pip install 'graft-learn[translation]'",
        ) from error
    return sacrebleu.metrics


def _bleu() -> Any:
    return _sacrebleu().BLEU()


def _chrf() -> Any:
    return _sacrebleu().CHRF()


def _chrf_words() -> Any:
    return _sacrebleu().CHRF(word_order=2)


# With sacrebleu's defaults: BLEU-4, 13a, exponential smoothing; chrF2; chrF++.
METRICS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {"bleu": _bleu, "chrf": _chrf, "chrf++": _chrf_words}
)


def check_installed() -> None:
    """Whether translations can be measured.

    Raises:
        ResourceError: sacrebleu is not installed.
    """
    _sacrebleu()


@dataclass(frozen=True, eq=False, slots=True)
class Statistics:
    """What the metrics of some translations are computed from.

    Attributes:
        metrics: sacrebleu's, by name.
        sums: For each a table (N, K), a row a sentence, whose column sums give the metric.
    """

    metrics: Mapping[str, Any]
    sums: Mapping[str, Float64Array]

    def __len__(self) -> int:
        return len(self.sums[MAIN])

    def figures(self, weights: Float64Array) -> Figures:
        """Weights (R, N) of the sentences to figures (R,) by name."""
        return {
            name: np.array([_score(self.metrics[name], row) for row in weights @ table])
            for name, table in self.sums.items()
        }

    def sentences(self, name: str) -> Float64Array:
        """(N,) a metric of each sentence alone."""
        return np.array([_score(self.metrics[name], row) for row in self.sums[name]])


def statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Statistics:
    """The sums of some translations.

    Raises:
        ResourceError: sacrebleu is not installed.
    """
    metrics = {name: build() for name, build in METRICS.items()}
    sums = {
        # The same two steps that sacrebleu's own significance tests take.
        name: np.array(
            metric._extract_corpus_statistics(list(hypotheses), [list(references)]),
            dtype=np.float64,
        )
        for name, metric in metrics.items()
    }
    return Statistics(metrics, sums)


def _score(metric: Any, sums: Float64Array) -> float:
    return float(metric._compute_score_from_stats([round(value) for value in sums]).score)


def signatures() -> dict[str, str]:
    """How sacrebleu says that each metric was computed."""
    found = {}
    for name, build in METRICS.items():
        metric = build()
        metric.corpus_score(["a"], [["a"]])
        found[name] = str(metric.get_signature())
    return found


def bootstrap_translations(
    found: Statistics, groups: IntArray | None, seed: int
) -> dict[str, Interval]:
    """Every metric with its 95 % percentile bootstrap interval over sentences or groups.

    Koehn (2004), "Statistical significance tests for machine translation evaluation", section 3.
    """
    return bootstrap_of(
        found.figures, len(found), groups, resamples=RESAMPLES, seed=seed, numbers={}
    )


def compare_translations(
    model: Statistics, baseline: Statistics, groups: IntArray | None, against: str
) -> Json:
    """Whether translations are better than a baseline's of the same texts, by BLEU.

    The paired bootstrap interval of the difference must exclude 0 (Koehn 2004, section 4), and the
    exact sign test of sentences' chrF must agree at 5 %: on few sentences the bootstrap alone is
    too sure.

    Returns:
        `helps`, `against`, `metric`, `difference` and `message`; `differences` of all metrics.
    """
    differences = {
        name: difference_of(
            model.figures,
            baseline.figures,
            name,
            len(model),
            groups,
            resamples=RESAMPLES,
            seed=0,
        )
        for name in METRICS
    }
    main = differences[MAIN]
    assert main is not None  # BLEU of any sentences is a number
    better = model.sentences("chrf") - baseline.sentences("chrf")
    shown = (main.low > 0 or main.high < 0) and sign_test_of(better, groups) < SIGNIFICANCE
    helps = main.value > 0 if shown else None
    one = np.ones((1, len(model)))
    scores = [float(each.figures(one)[MAIN][0]) for each in (model, baseline)]
    return {
        "helps": helps,
        "against": against,
        "metric": MAIN,
        "difference": main.to_dict(),
        "differences": {n: None if d is None else d.to_dict() for n, d in differences.items()},
        "message": (
            f"{VERDICTS[helps]}: BLEU {scores[0]:.1f} against {scores[1]:.1f} for "
            f"{BASELINE_NAMES.get(against, against)} on {len(model)} test sentences, a difference "
            f"of {main.value:+.1f} (95 % interval {main.low:+.1f} to {main.high:+.1f})."
        ),
    }
