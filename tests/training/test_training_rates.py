"""Default rates: by family where the backbone trains, by optimizer always."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from graft.backbones.load_seq2seq import load_seq2seq
from graft.network import Network
from graft.strategies import build_strategy
from graft.training.rates import FAMILIES, family_of, phase_rate

MakeNetwork = Callable[..., Network]


@pytest.mark.parametrize(
    ("architecture", "family", "rate"),
    [
        ("test_resnet", "convolutional", 3e-4),
        ("test_efficientnet", "convolutional", 3e-4),
        ("test_convnext", "ConvNeXt", 1e-4),
        ("test_vit", "vision transformer", 5e-5),
    ],
)
def test_a_family_has_its_rate_for_fine_tuning(
    architecture: str, family: str, rate: float, make_network: MakeNetwork
) -> None:
    backbone = make_network(architecture).backbone
    assert family_of(backbone.model).name == family
    tune = build_strategy("lp-ft").phases([b.name for b in backbone.blocks])[-1]
    assert phase_rate(tune, backbone, "adamw") == pytest.approx(rate)
    assert phase_rate(tune, backbone, "adam") == pytest.approx(rate)
    assert phase_rate(tune, backbone, "schedule-free") == pytest.approx(3 * rate)
    assert phase_rate(tune, backbone, "sgd") == pytest.approx(9e-3)
    assert phase_rate(replace(tune, fixed_lr=True), backbone, "adamw") == tune.lr


def test_a_head_on_frozen_features_has_one_rate_for_all_families(make_network: MakeNetwork) -> None:
    for architecture in ("test_resnet", "test_vit"):
        backbone = make_network(architecture).backbone
        (head,) = build_strategy("head").phases([b.name for b in backbone.blocks])
        assert phase_rate(head, backbone, "adamw") == head.lr
        assert phase_rate(head, backbone, "sgd") == pytest.approx(30 * head.lr)


def test_every_family_says_whose_rates_it_has() -> None:
    for family in FAMILIES.values():
        assert 0 < family.factor <= 1
        assert family.source


def test_a_translator_has_its_rate_unless_its_weights_are_random(tiny_marian: Path) -> None:
    for weights, rate in (("pretrained", 5e-5), ("random", 1e-3)):
        backbone = load_seq2seq(str(tiny_marian), weights=weights)
        assert family_of(backbone.model).name == "Marian"
        (full,) = build_strategy("full").phases([b.name for b in backbone.blocks])
        assert phase_rate(full, backbone, "adamw") == pytest.approx(rate)
