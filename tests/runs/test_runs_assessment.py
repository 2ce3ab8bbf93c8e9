"""Assessment: scikit-learn's figures of the same probabilities, baselines beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from graft.bank import bank_folder
from graft.bank.feed import Feed
from graft.data import read, split
from graft.network import Network
from graft.runs import assessment
from graft.runs.assessment import Assessor, reference_rows
from graft.types import FloatArray, IntArray

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]


@pytest.fixture
def assessor(photos: Path, make_network: MakeNetwork, make_feed: MakeFeed) -> Assessor:
    network = make_network()
    feed = make_feed(network)
    features = feed.activations(5, network.backbone)
    examples = read(photos)
    assert bank_folder().is_dir()
    return Assessor(examples, split(examples, seed=0), feed, features, seed=0)


def noisy(rows: IntArray) -> FloatArray:
    """Probabilities that are right more often than not; row by row the same."""
    weights = np.random.default_rng(0).random((36, 3)) ** 2
    weights[np.arange(36), np.repeat(np.arange(3), 12)] += 0.3
    probabilities: FloatArray = (weights / weights.sum(axis=1, keepdims=True))[rows]
    return probabilities


def test_figures_are_scikit_learns(assessor: Assessor) -> None:
    found = assessor.measure(noisy)
    for part, rows in (("test", assessor.split.test), ("validation", assessor.split.validation)):
        truth, probabilities = assessor.examples.targets[rows], noisy(rows)
        guess = probabilities.argmax(axis=1)
        expected = {
            "accuracy": metrics.accuracy_score(truth, guess),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, guess),
            "macro_f1": metrics.f1_score(truth, guess, average="macro", zero_division=0),
            "log_loss": metrics.log_loss(truth, probabilities, labels=[0, 1, 2]),
        }
        figures = found["metrics"][part]
        assert set(figures) == {*expected, "ece"}
        for name, value in expected.items():
            assert figures[name]["value"] == pytest.approx(value, abs=1e-9), name
            assert figures[name]["low"] <= figures[name]["value"] <= figures[name]["high"]
    truth, guess = (
        assessor.examples.targets[assessor.split.test],
        noisy(assessor.split.test).argmax(axis=1),
    )
    assert found["confusion"] == metrics.confusion_matrix(truth, guess, labels=[0, 1, 2]).tolist()
    assert [row["label"] for row in found["per_class"]] == ["blue", "green", "red"]


def test_errors_are_the_wrong_test_rows_the_most_certain_first(assessor: Assessor) -> None:
    found = assessor.measure(noisy)["errors"]
    test = assessor.split.test
    probabilities = noisy(test)
    wrong = test[probabilities.argmax(axis=1) != assessor.examples.targets[test]]
    assert sorted(row["row"] for row in found) == sorted(wrong.tolist())
    certainties = [row["probability"] for row in found]
    assert certainties == sorted(certainties, reverse=True)
    for row in found:
        picture = assessor.examples.pictures[row["row"]]
        assert row["input"] == picture.name
        assert row["label"] != row["predicted"]
        assert row["label"] == Path(picture.name).parent.name


def test_baselines_stand_beside_the_model(assessor: Assessor) -> None:
    found = assessor.measure(noisy)
    assert set(found["baseline"]) == {"majority", "knn", "raw_pixels"}
    for figures in found["baseline"].values():
        assert set(figures) == set(found["metrics"]["test"])
    baselines = assessor.baselines(assessor.split.test)
    for probabilities in baselines.values():
        assert probabilities.shape == (len(assessor.split.test), 3)
        assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.ptp(baselines["majority"], axis=0).max() == 0
    # The colour decides the class: pixels alone suffice, and nothing can beat them by much.
    assert found["baseline"]["raw_pixels"]["accuracy"]["value"] == 1.0
    assert found["transfer"]["against"] == "raw_pixels"
    assert found["transfer"]["helps"] is not True


def test_without_validation_rows_there_are_no_validation_figures(
    photos: Path, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    feed, examples = make_feed(network), read(photos)
    parts = split(examples, validation=0.0, seed=0)
    features = feed.activations(5, network.backbone)
    found = Assessor(examples, parts, feed, features, seed=0).measure(noisy)
    assert found["metrics"]["validation"] == {}
    assert found["metrics"]["test"]


def test_few_rows_are_all_taken_for_the_baselines() -> None:
    rows = np.arange(10, 20)
    assert reference_rows(np.zeros(10, dtype=np.int64), rows) is rows


@pytest.mark.parametrize("counts", [(600, 300, 100), (990, 5, 5), (1, 1, 998)])
def test_many_rows_are_thinned_evenly_over_each_class(
    counts: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessment, "REFERENCE_ROWS", 100)
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(3), counts))
    rows = np.arange(1000) + 7
    kept = reference_rows(targets, rows)
    assert len(kept) == len(set(kept.tolist()))
    assert np.array_equal(kept, np.sort(kept))
    found = np.bincount(targets[kept - 7], minlength=3)
    assert (found >= 1).all()
    assert np.abs(found - np.array(counts) / 10).max() <= 1
    assert kept.min() < 60
    assert kept.max() > 950
