"""Cross-entropy: torch's own loss, class weights with known sums, scores that add up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from graft.closedform import LinearSolution
from graft.errors import UnknownNameError
from graft.objectives import CLASS_WEIGHTS, Classification, class_weights
from graft.types import Batch, FloatArray, IntArray

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=8).filter(
    lambda counts: sum(count > 0 for count in counts) >= 2
)


@given(counts=COUNTS, policy=st.sampled_from(["sqrt", "balanced"]))
@settings(max_examples=60, deadline=None)
def test_weights_have_mean_1_over_the_rows(counts: list[int], policy: str) -> None:
    number: IntArray = np.array(counts)
    weights = class_weights(policy, number)
    assert weights is not None
    assert np.isclose((weights * number).sum() / number.sum(), 1)
    assert (weights[number == 0] == 0).all()
    present = number > 0
    power = {"sqrt": 0.5, "balanced": 1.0}[policy]
    weighted = weights[present] * number[present] ** power
    assert np.allclose(weighted, weighted[0])


@pytest.mark.parametrize(
    ("counts", "weighted"),
    [([30, 10], False), ([31, 10], True), ([5, 5], False), ([9, 0, 4], False)],
)
def test_auto_weights_only_past_three_to_one(counts: list[int], weighted: bool) -> None:
    found = class_weights("auto", np.array(counts))
    assert (found is not None) == weighted
    if found is not None:
        expected = class_weights("sqrt", np.array(counts))
        assert expected is not None
        assert np.array_equal(found, expected)


def test_none_is_none_and_another_name_is_refused() -> None:
    assert class_weights("none", np.array([100, 1])) is None
    with pytest.raises(UnknownNameError) as caught:
        class_weights("equal", np.array([1, 1]))
    assert caught.value.allowed.split(", ") == sorted(CLASS_WEIGHTS)


WEIGHTS = np.array([0.5, 2.0, 1.0])


@pytest.fixture
def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 3, generator=generator), torch.randint(0, 3, (50,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs(
    weights: FloatArray | None, smoothing: float, rows: tuple[Tensor, Tensor]
) -> None:
    logits, targets = rows
    objective = Classification(3, weights=weights, label_smoothing=smoothing)
    losses = objective(nn.Identity(), Batch(logits, targets))
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    expected = F.cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing)
    assert torch.equal(losses["cross_entropy"], expected)
    assert not [*objective.parameters()]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("size", [7, 50])
def test_the_score_of_batches_is_that_of_all_rows(
    weights: FloatArray | None, size: int, rows: tuple[Tensor, Tensor]
) -> None:
    logits, targets = rows

    def batches() -> Iterator[Batch]:
        for start in range(0, 50, size):
            yield Batch(logits[start : start + size], targets[start : start + size])

    objective = Classification(3, weights=weights, label_smoothing=0.3)
    found = objective.score(nn.Identity(), batches())
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    assert found["loss"] == pytest.approx(
        float(F.cross_entropy(logits, targets, weight=weight)), rel=1e-5
    )
    assert found["accuracy"] == int((logits.argmax(1) == targets).sum()) / 50


def test_the_score_of_nothing_is_finite() -> None:
    assert Classification(3).score(nn.Identity(), []) == {"loss": 0.0, "accuracy": 0.0}


def features_of(seed: int = 0) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(seed)
    targets = random.integers(0, 3, 120)
    centres = random.normal(0, 1, (3, 5))
    features = centres[targets] + random.normal(0, 1, (120, 5))
    return features.astype(np.float32), targets


def test_the_exact_solution_is_logistic_regressions() -> None:
    """On another's yardstick: no scikit-learn fit of the same penalty has a lower loss."""
    features, targets = features_of()
    held_out = features_of(1)
    solution = Classification(3).solve(features, targets, held_out)
    assert solution is not None

    def loss(weight: FloatArray, bias: FloatArray) -> float:
        logits = torch.from_numpy(features.astype(np.float64) @ weight.T + bias)
        return float(F.cross_entropy(logits, torch.from_numpy(targets)))

    size = float((solution.weight**2).sum())
    losses = []
    for c in np.geomspace(1e-4, 1e4, 33):
        model = LogisticRegression(C=c, max_iter=2000).fit(features, targets)
        if (model.coef_**2).sum() <= size:
            losses.append(loss(model.coef_, model.intercept_))
    assert loss(solution.weight, solution.bias) <= min(losses) + 0.01


def test_class_weights_reach_the_exact_solution() -> None:
    features, targets = features_of()
    favour_last = np.array([0.01, 0.01, 3.0])
    plain = Classification(3).solve(features, targets, None)
    weighted = Classification(3, weights=favour_last).solve(features, targets, None)
    assert plain is not None
    assert weighted is not None
    batch = Batch(torch.from_numpy(features).double(), torch.from_numpy(targets))

    def scores(solution: LinearSolution, weights: FloatArray | None) -> float:
        model = nn.Linear(5, 3).double()
        model.load_state_dict(
            {"weight": torch.tensor(solution.weight), "bias": torch.tensor(solution.bias)}
        )
        return Classification(3, weights=weights).score(model, [batch])["loss"]

    assert scores(weighted, favour_last) < scores(plain, favour_last)
    assert scores(plain, None) < scores(weighted, None)


def test_there_is_no_exact_solution_with_label_smoothing() -> None:
    features, targets = features_of()
    assert Classification(3, label_smoothing=0.1).solve(features, targets, None) is None


def test_the_exact_solution_of_balanced_sampling_is_that_of_repeated_rows() -> None:
    random = np.random.default_rng(0)
    features, targets = random.standard_normal((40, 3)), np.array([0] * 30 + [1] * 10)
    features[:, 0] += targets
    balanced = class_weights("balanced", np.bincount(targets))
    found = Classification(2, exact_weights=balanced).solve(features, targets, None)
    weighted = Classification(2, weights=balanced).solve(features, targets, None)
    plain = Classification(2).solve(features, targets, None)
    assert found is not None
    assert weighted is not None
    assert plain is not None
    np.testing.assert_allclose(found.weight, weighted.weight, atol=1e-6)
    np.testing.assert_allclose(found.bias, weighted.bias, atol=1e-6)
    assert np.abs(found.bias - plain.bias).max() > 0.1
