"""The linear head and its standardisation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from graft.heads.linear import LinearHead


@pytest.fixture
def head() -> LinearHead:
    head = LinearHead(6, 4, seed=3)
    head.standardise(torch.linspace(-2, 3, 6), torch.linspace(0.1, 5, 6))
    return head


def test_the_logits_are_those_of_standardised_features(head: LinearHead) -> None:
    features = torch.randn(5, 6)
    standardised = (features - head.mean) / head.scale
    expected = functional.linear(standardised, head.weight, head.bias)
    assert torch.equal(head(features), expected)


def test_the_folded_layer_gives_the_same_logits(head: LinearHead) -> None:
    features = torch.randn(5, 6)
    torch.testing.assert_close(functional.linear(features, *head.folded()), head(features))


def test_a_solution_in_original_features_is_what_is_folded(head: LinearHead) -> None:
    weight, bias = torch.randn(4, 6), torch.randn(4)
    head.set_solution(weight, bias)
    torch.testing.assert_close(head.folded(), (weight, bias))
    features = torch.randn(5, 6)
    torch.testing.assert_close(head(features), functional.linear(features, weight, bias))


def test_a_constant_feature_does_not_divide_by_zero() -> None:
    head = LinearHead(2, 3)
    head.standardise(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 2.0]))
    assert head.scale.tolist() == [1.0, 2.0]
    assert head(torch.ones(1, 2)).isfinite().all()


def test_standardisation_is_saved_and_does_not_train(head: LinearHead) -> None:
    assert {"mean", "scale"} <= set(head.state_dict())
    assert {name for name, _ in head.named_parameters()} == {"weight", "bias"}


def test_the_weights_start_like_those_of_torch() -> None:
    bound = 1 / 1000**0.5
    weight = LinearHead(1000, 50).weight.detach()
    assert bound * 0.99 < weight.abs().max() <= bound
    assert abs(float(weight.mean())) < 0.01 * bound
