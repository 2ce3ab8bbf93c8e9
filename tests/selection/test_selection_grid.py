"""Which choices a search compares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone
from graft.recipe import Recipe
from graft.selection.grid import gradient_choices

TinyEncoder = Callable[..., Path]


@pytest.fixture
def encoder(tiny_encoder: TinyEncoder) -> Backbone:
    return load_backbone(str(tiny_encoder("bert")))


def test_lp_ft_is_the_favourite_and_pairs_are_where_texts_are_few(encoder: Backbone) -> None:
    usual = gradient_choices(Recipe(), encoder, 2)
    few = gradient_choices(Recipe(), encoder, 2, few_texts=True)
    assert [choice.strategy for choice in usual[:2]] == ["lp-ft", "lp-ft"]
    assert few[0].strategy == "contrastive"
    assert few[0].steps == 8
    assert few[0].frozen_depth == len(encoder.blocks) - len(encoder.blocks) // 2
    assert few[1:] == usual


def test_a_strategy_that_ends_with_a_probe_is_tried_at_several_rates(encoder: Backbone) -> None:
    found = gradient_choices(Recipe(strategy="contrastive"), encoder, 2)
    assert [choice.strategy for choice in found] == ["contrastive"] * 3
    own = 3e-4
    assert found[0].lr is None
    assert [choice.lr for choice in found[1:]] == pytest.approx([3 * own, own / 3])
    assert gradient_choices(Recipe(strategy="linear-probe"), encoder, 2) == []
