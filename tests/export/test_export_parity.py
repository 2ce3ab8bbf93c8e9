"""Answers before and after a step that must not move them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graft.backbones.load_text import load_text
from graft.errors import AuditError, DivergenceError
from graft.export.parity import answers_kept
from graft.heads.build import build_head
from graft.network import Network

MakeNetwork = Callable[..., Network]


@pytest.fixture(params=["pictures", "texts"])
def network(
    request: pytest.FixtureRequest, make_network: MakeNetwork, tiny_encoder: Callable[..., Path]
) -> Network:
    if request.param == "pictures":
        return make_network()
    backbone = load_text(str(tiny_encoder("bert")))
    return Network(backbone, build_head("linear", backbone.num_features, 3)).eval()


def test_a_network_that_stays_as_it_is_agrees(network: Network) -> None:
    check = answers_kept(network.train(), "waiting")
    assert check().difference == 0
    assert network.training


def test_answers_that_moved_are_an_error_that_names_the_step(network: Network) -> None:
    check = answers_kept(network, "merging the adapters")
    with torch.no_grad():
        next(network.backbone.parameters()).mul_(1.5)
    with pytest.raises(AuditError, match=r"after merging the adapters: logits moved by \d"):
        check()


def test_answers_that_are_no_numbers_are_not_compared(network: Network) -> None:
    with torch.no_grad():
        next(network.backbone.parameters()).fill_(torch.nan)
    with pytest.raises(DivergenceError, match="before merging"):
        answers_kept(network, "merging")
