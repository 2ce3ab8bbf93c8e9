"""Heads by their spec."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.errors import DataError, UnknownNameError
from graft.heads.build import HEADS, build_head
from graft.heads.head import Head

SPECS = ["linear", "mlp:8", "mlp:8,6"]


@pytest.mark.parametrize("spec", SPECS)
def test_the_spec_builds_the_same_head_again(spec: str) -> None:
    head = build_head(spec, features=5, classes=3, seed=1)
    again = build_head(head.spec, features=5, classes=3, seed=1)
    features = torch.randn(4, 5)
    assert head(features).shape == (4, 3)
    assert torch.equal(head(features), again(features))


@pytest.mark.parametrize("spec", SPECS)
def test_another_seed_gives_other_weights(spec: str) -> None:
    first, second = (build_head(spec, 5, 3, seed=seed).layers()[0][0] for seed in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("spec", SPECS)
def test_the_global_random_state_is_left_alone(spec: str) -> None:
    before = torch.get_rng_state()
    build_head(spec, 5, 3, seed=7)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spec", SPECS)
def test_layers_with_relu_between_them_are_the_head(spec: str) -> None:
    head = build_head(spec, 5, 3)
    features = values = torch.randn(6, 5)
    layers = head.layers()
    for number, (weight, bias) in enumerate(layers):
        values = nn.functional.linear(values, weight, bias)
        values = values.relu() if number < len(layers) - 1 else values
    torch.testing.assert_close(values, head(features))


@pytest.mark.parametrize("spec", SPECS)
def test_set_layers_is_the_inverse_of_layers(spec: str) -> None:
    first, second = (build_head(spec, 5, 3, seed=seed) for seed in (0, 1))
    second.set_layers(first.layers())
    features = torch.randn(6, 5)
    torch.testing.assert_close(first(features), second(features))


def test_layers_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        build_head("mlp:8", 5, 3).set_layers(build_head("mlp:7", 5, 3).layers())


@pytest.mark.parametrize("spec", SPECS)
def test_dropout_acts_in_training_alone(spec: str) -> None:
    head: Head = build_head(spec.replace("8", "80"), 50, 3, dropout=0.5)
    features = torch.ones(2, 50)
    assert torch.equal(head.eval()(features), head(features))
    head.train()
    assert not torch.equal(head(features), head(features))


def test_an_unknown_head_is_answered_with_the_table() -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_head("linaer", 5, 3)
    assert caught.value.allowed == ", ".join(sorted(HEADS))
    assert "'linear'" in caught.value.next


@pytest.mark.parametrize("spec", ["mlp", "mlp:", "mlp:0", "mlp:8,", "mlp:x", "mlp:-3", "linear:8"])
def test_widths_that_are_none_are_refused(spec: str) -> None:
    with pytest.raises(DataError, match="widths"):
        build_head(spec, 5, 3)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 2.0])
def test_dropout_outside_its_range_is_refused(dropout: float) -> None:
    with pytest.raises(DataError, match="Dropout"):
        build_head("linear", 5, 3, dropout=dropout)
