"""Focal loss: cross-entropy at gamma 0, torchvision's for labels, and it has no exact solution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torchvision.ops import sigmoid_focal_loss

from graft.errors import UnknownNameError
from graft.objectives import Classification, MultiLabel, parse_loss
from graft.objectives.focal import focal_classes, focal_labels
from graft.types import Batch

RANDOM = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(64, 5, generator=RANDOM)
CLASSES = torch.randint(0, 5, (64,), generator=RANDOM)
LABELS = torch.randint(0, 2, (64, 5), generator=RANDOM).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gamma_0_is_cross_entropy(smoothing: float) -> None:
    found = focal_classes(LOGITS, CLASSES, 0.0, smoothing)
    expected = F.cross_entropy(LOGITS, CLASSES, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
    torch.testing.assert_close(
        focal_labels(LOGITS, LABELS, 0.0, weights),
        F.binary_cross_entropy_with_logits(LOGITS, LABELS, pos_weight=weights, reduction="none"),
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_labels_have_torchvisions_loss_and_two_classes_are_one_label(gamma: float) -> None:
    expected = sigmoid_focal_loss(LOGITS, LABELS, alpha=-1, gamma=gamma)
    torch.testing.assert_close(focal_labels(LOGITS, LABELS, gamma, None), expected)
    first = torch.stack([torch.zeros(64), LOGITS[:, 0]], dim=1)
    found = focal_classes(first, LABELS[:, 0].long(), gamma, 0.0)
    torch.testing.assert_close(found, expected[:, 0])


def test_what_is_known_well_counts_for_less() -> None:
    sure = torch.tensor([[2.2, 0.0]])  # 0.9 of the probability: a hundredth of its cross-entropy
    ratio = focal_classes(sure, torch.tensor([0]), 2.0, 0.0) / F.cross_entropy(
        sure, torch.tensor([0])
    )
    assert float(ratio) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gradients_are_finite_where_probabilities_are_0_or_1(gamma: float) -> None:
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0]], requires_grad=True)
    total = focal_classes(logits, torch.tensor([0, 0]), gamma, 0.0).sum()
    total = total + focal_labels(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), gamma, None).sum()
    total.backward()
    assert torch.isfinite(total)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_class_weights_give_the_weighted_mean_and_score_measures_the_same() -> None:
    weights = np.array([1.0, 4.0, 1.0, 0.5, 2.0])
    objective = Classification(5, weights=weights, gamma=2.0)
    batch = Batch(LOGITS, CLASSES)
    each, own = focal_classes(LOGITS, CLASSES, 2.0, 0.0), torch.tensor(weights).float()[CLASSES]
    expected = float((each * own).sum() / own.sum())
    assert float(objective(nn.Identity(), batch)["focal"]) == pytest.approx(expected, rel=1e-5)
    halves = [Batch(LOGITS[:40], CLASSES[:40]), Batch(LOGITS[40:], CLASSES[40:])]
    assert objective.score(nn.Identity(), halves)["loss"] == pytest.approx(expected, rel=1e-5)
    several = MultiLabel(5, gamma=2.0)
    expected = float(focal_labels(LOGITS, LABELS, 2.0, None).mean())
    assert float(several(nn.Identity(), Batch(LOGITS, LABELS))["focal"]) == pytest.approx(expected)


def test_there_is_no_exact_solution() -> None:
    features = np.random.default_rng(0).standard_normal((12, 3))
    targets = np.arange(12) % 2
    assert Classification(2, gamma=2.0).solve(features, targets, None) is None
    assert MultiLabel(1, gamma=2.0).solve(features, targets[:, None] * 1.0, None) is None


@pytest.mark.parametrize("spec", ["focal:0", "focal:-1", "focal:much", "cross-entropy:2", "hinge"])
def test_other_losses_are_refused(spec: str) -> None:
    with pytest.raises(UnknownNameError, match=spec.partition(":")[0]):
        parse_loss(spec)
