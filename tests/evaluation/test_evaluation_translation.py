"""BLEU and chrF: golden values, equality with sacrebleu, intervals, comparisons."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from graft.evaluation.translation import (
    bootstrap_translations,
    compare_translations,
    signatures,
    statistics,
)

REFERENCE = "This plugin allows you to automatically translate web pages between several languages."
GIVEN = [f"the {n} quick brown foxes jump over {n % 7} lazy dogs today" for n in range(40)]
SAID = [text.replace("quick", "fast") if n % 2 else text for n, text in enumerate(GIVEN)]
BAD = [text.replace("jump over", "leap") for text in SAID]


def figures(said: list[str], given: list[str]) -> dict[str, float]:
    found = statistics(said, given)
    return {name: float(value[0]) for name, value in found.figures(np.ones((1, len(said)))).items()}


@pytest.mark.parametrize(
    ("said", "bleu"),
    [
        (
            "This plugin lets you translate web pages between several languages automatically.",
            46.750469682990165,
        ),
        ("This This This This", 1.683602693167689),
        ("This plugin", 0.0),
        (REFERENCE, 100.0),
    ],
)
def test_golden_values(said: str, bleu: float) -> None:
    assert figures([said], [REFERENCE])["bleu"] == pytest.approx(bleu, abs=1e-9)


def test_figures_are_those_of_sacrebleu() -> None:
    found = figures(BAD, GIVEN)
    assert found["bleu"] == sacrebleu.corpus_bleu(BAD, [GIVEN]).score
    assert found["chrf"] == sacrebleu.corpus_chrf(BAD, [GIVEN]).score
    assert found["chrf++"] == sacrebleu.corpus_chrf(BAD, [GIVEN], word_order=2).score


def test_signatures_say_how() -> None:
    found = signatures()
    assert found["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "nw:0" in found["chrf"]
    assert "nw:2" in found["chrf++"]


def test_intervals_hold_the_value_and_widen_with_groups() -> None:
    found = statistics(SAID, GIVEN)
    rows = bootstrap_translations(found, None, 0)["bleu"]
    groups = bootstrap_translations(found, np.arange(40) % 4, 0)["bleu"]
    assert rows.low < rows.value < rows.high
    assert groups.high - groups.low > rows.high - rows.low
    assert bootstrap_translations(found, None, 0)["bleu"] == rows


def test_a_difference_is_paired() -> None:
    better, worse = statistics(SAID, GIVEN), statistics(BAD, GIVEN)
    verdict = compare_translations(better, worse, None, "untuned")
    assert verdict["helps"] is True
    assert verdict["difference"]["low"] > 0
    assert "the model before fine-tuning" in verdict["message"]
    assert compare_translations(worse, better, None, "untuned")["helps"] is False
    same = compare_translations(better, better, None, "untuned")
    assert same["helps"] is None
    assert same["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
