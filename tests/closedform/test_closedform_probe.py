"""Claims about the linear probe: exact, scale-free, honest about how it chose."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from graft.closedform import probe, space
from graft.closedform.linear import log_softmax, softmax
from graft.closedform.logistic import fit_logistic
from graft.closedform.probe import DRAWN_PENALTY, ONE_SHOT_PENALTY, PENALTIES, fit_probe, folds
from graft.closedform.space import standardisation
from graft.types import FloatArray, IntArray


def sample(
    rows: int, columns: int, classes: int = 3, seed: int = 0, signal: float = 1.0
) -> tuple[FloatArray, IntArray]:
    means = np.random.default_rng(99).standard_normal((classes, columns))
    random = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    spread = np.linspace(0.1, 3, columns)
    return (random.standard_normal((rows, columns)) + signal * means[targets]) * spread + 4, targets


@pytest.mark.parametrize(("rows", "columns"), [(90, 6), (15, 40)])
def test_the_solution_is_logistic_regression_on_standardised_features(
    rows: int, columns: int
) -> None:
    x, y = sample(rows, columns)
    found = fit_probe(x, y, 3)
    mean, scale = standardisation(x)
    expected = fit_logistic((x - mean) / scale, y, 3, penalty=found.penalty)
    expected = expected.stretched(found.factor)
    np.testing.assert_allclose(
        softmax(found.solution.logits(x)), softmax(expected.logits((x - mean) / scale)), atol=1e-4
    )
    np.testing.assert_array_equal(found.mean, mean)
    np.testing.assert_array_equal(found.scale, scale)


def test_the_chosen_penalty_has_the_least_loss_of_those_tried() -> None:
    found = fit_probe(*sample(60, 8), 3)
    assert found.scores[found.penalty] == min(found.scores.values())
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert set(found.scores) <= set(PENALTIES)


def test_validation_chooses_and_is_scored_as_it_says() -> None:
    x, y = sample(60, 8)
    held_x, held_y = sample(60, 8, seed=1)
    found = fit_probe(x, y, 3, validation=(held_x, held_y))
    assert found.chosen_by == "validation"
    loss = -log_softmax(found.solution.logits(held_x))[np.arange(60), held_y].mean()
    assert found.scores[found.penalty] == pytest.approx(loss, abs=1e-3)


@pytest.mark.parametrize(("rows", "classes"), [(20, 3), (60, 2)])
def test_a_validation_part_too_small_or_without_a_class_does_not_choose(
    rows: int, classes: int
) -> None:
    x, y = sample(60, 8)
    held_x, held_y = sample(rows, 8, seed=1)
    kept = held_y < classes
    found = fit_probe(x, y, 3, validation=(held_x[kept], held_y[kept]))
    assert found.chosen_by == "cross-validation"


def test_one_example_a_class_takes_the_default() -> None:
    found = fit_probe(*sample(3, 8), 3)
    assert (found.penalty, found.scores, found.chosen_by) == (ONE_SHOT_PENALTY, {}, "default")


def test_pure_noise_takes_a_strong_penalty_and_signal_a_weak_one() -> None:
    noise = fit_probe(*sample(60, 30, signal=0.0), 3)
    signal = fit_probe(*sample(60, 30, signal=2.0), 3)
    assert noise.penalty > 100 * signal.penalty


def test_features_that_learnt_the_classes_keep_a_penalty() -> None:
    """Every held-out row is right, so that held-out loss alone would want none."""
    targets = np.arange(60) % 3
    random = np.random.default_rng(0)
    features = np.eye(3)[targets] + random.normal(size=(60, 3)) * 0.01
    free = fit_probe(features, targets, 3)
    drawn = fit_probe(features, targets, 3, drawn=True)
    assert free.penalty < DRAWN_PENALTY <= drawn.penalty
    assert min(drawn.scores) >= DRAWN_PENALTY
    honest = fit_probe(features, targets, 3, drawn=True, validation=(features, targets))
    assert honest.penalty < DRAWN_PENALTY  # validation rows were not learnt from


def test_units_do_not_matter() -> None:
    x, y = sample(60, 8)
    plain, moved = fit_probe(x, y, 3), fit_probe(1000 * x - 7, y, 3)
    assert moved.penalty == plain.penalty
    np.testing.assert_allclose(
        moved.solution.logits(1000 * x - 7), plain.solution.logits(x), atol=1e-4
    )


def test_copies_of_all_features_change_no_probability() -> None:
    x, y = sample(60, 8)
    once, twice = fit_probe(x, y, 3), fit_probe(np.hstack([x, x]), y, 3)
    np.testing.assert_allclose(
        log_softmax(twice.solution.logits(np.hstack([x, x]))),
        log_softmax(once.solution.logits(x)),
        atol=1e-3,
    )


def test_single_precision_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = sample(120, 10)
    double = fit_probe(x, y, 3)
    monkeypatch.setattr(space, "SINGLE_PRECISION_PATH", 0)
    mixed = fit_probe(x, y, 3)
    monkeypatch.setattr(space, "SINGLE_PRECISION", 0)
    single = fit_probe(x, y, 3)
    assert mixed.penalty == single.penalty == double.penalty
    np.testing.assert_allclose(mixed.solution.weight, double.solution.weight, atol=1e-4)
    np.testing.assert_allclose(single.solution.logits(x), double.solution.logits(x), atol=1e-2)


def test_absent_classes_and_constant_features_are_harmless() -> None:
    x, y = sample(60, 8)
    found = fit_probe(np.hstack([x, np.full((60, 2), 5.0)]), y, 5)
    rows = np.hstack([x, np.full((60, 2), 5.0)])
    assert found.solution.logits(rows).argmax(axis=1).max() <= 2
    assert np.isfinite(found.solution.weight).all()
    constant = fit_probe(np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1]), 2)
    assert np.isfinite(constant.solution.logits(np.ones((1, 2)))).all()


def test_validation_rows_of_an_untrained_class_are_left_out() -> None:
    x, y = sample(60, 8)
    held_x, held_y = sample(80, 8, classes=4, seed=1)
    found = fit_probe(x, y, 4, validation=(held_x, held_y))
    assert found.chosen_by == "validation"
    assert max(found.scores.values()) < 2


def test_class_weights_reach_the_choice_and_the_solution() -> None:
    x, y = sample(90, 8, signal=0.5)
    y = np.where(np.arange(90) % 10 == 0, y, 0)
    counts = np.bincount(y)
    weighted = fit_probe(x, y, 3, weights=(1 / counts)[y])
    plain = fit_probe(x, y, 3)
    predicted = weighted.solution.logits(x).argmax(axis=1), plain.solution.logits(x).argmax(axis=1)
    assert (predicted[0] == 0).sum() < (predicted[1] == 0).sum()


@pytest.mark.parametrize("counts", [(2, 2), (1, 5, 3), (30, 2, 1), (150, 60), (1500, 900)])
def test_folds_are_disjoint_stratified_and_keep_every_class(counts: tuple[int, ...]) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    pairs = list(folds(targets))
    held = np.concatenate([held_out for _, held_out in pairs])
    assert len(np.unique(held)) == len(held)
    eligible = sum(count for count in counts if count > 1)
    assert len(held) == eligible or len(held) >= probe.SCORED_ROWS
    for kept, held_out in pairs:
        np.testing.assert_array_equal(
            np.sort(np.concatenate([kept, held_out])), np.arange(len(targets))
        )
        assert set(targets[kept]) == set(targets)
    sizes = [np.bincount(targets[held_out], minlength=len(counts)) for _, held_out in pairs]
    assert all(np.abs(a - b).max() <= 1 for a, b in pairwise(sizes))


@pytest.mark.parametrize("seed", range(5))
def test_folds_take_no_group_apart_and_keep_every_class(seed: int) -> None:
    random = np.random.default_rng(seed)
    targets, groups = random.integers(4, size=90), random.integers(25, size=90)
    targets[groups == 3] = 4  # a class of one group, and a group of one class
    held = []
    for kept, held_out in folds(targets, groups):
        assert not set(groups[kept]) & set(groups[held_out])
        assert len(kept) + len(held_out) == 90
        assert set(targets[kept]) == set(targets)
        held += held_out.tolist()
    assert len(held) == len({*held}) > 60
    assert not set(held) & set(np.flatnonzero(targets == 4))


def test_groups_of_one_row_change_nothing() -> None:
    targets = np.repeat([0, 1, 2], [40, 17, 2])
    alone, numbered = folds(targets), folds(targets, np.random.default_rng(0).permutation(59))
    for (kept, held_out), (also_kept, also_held_out) in zip(alone, numbered, strict=True):
        assert len(kept) == len(also_kept)
        assert (
            np.bincount(targets[held_out]).tolist() == np.bincount(targets[also_held_out]).tolist()
        )


def test_copies_that_are_held_out_together_make_the_probe_careful() -> None:
    x, _ = sample(40, 8)
    noise = np.random.default_rng(0).integers(3, size=40)
    x, noise, groups = np.tile(x, (4, 1)), np.tile(noise, 4), np.tile(np.arange(40), 4)
    assert fit_probe(x, noise, 3, groups=groups).penalty > fit_probe(x, noise, 3).penalty


def test_one_group_leaves_nothing_to_hold_out() -> None:
    x, y = sample(30, 8)
    found = fit_probe(x, y, 3, groups=np.zeros(30, dtype=np.int64))
    assert (found.chosen_by, found.scores) == ("default", {})


def test_the_same_input_gives_the_same_bytes() -> None:
    x, y = sample(60, 8)
    first, second = fit_probe(x, y, 3), fit_probe(x, y, 3)
    assert first.solution.weight.tobytes() == second.solution.weight.tobytes()


def test_a_bad_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="penalty"):
        fit_probe(*sample(60, 8), 3, candidates=[0.1, 0.0])
