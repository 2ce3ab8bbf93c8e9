"""Mixing: the loss of blended targets, shares that are areas, and names with settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.errors import UnknownNameError
from graft.objectives import Classification
from graft.training.mixing import MIXES, Mix, Mixer, build_mixer, parse_mix
from graft.types import Batch


class Spy(nn.Module):
    """A linear model that keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 8 * 6, 4)
        self.seen = torch.zeros(0)

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen = inputs
        out: Tensor = self.layer(inputs.flatten(1))
        return out


def batch_of(rows: int = 10) -> Batch:
    """Row r is filled with the number r."""
    values = torch.arange(rows, dtype=torch.float32)
    inputs = values.view(-1, 1, 1, 1).expand(rows, 3, 8, 6).contiguous()
    return Batch(inputs, torch.arange(rows) % 4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", MIXES)
def test_the_loss_is_cross_entropy_with_the_blended_target(name: str, smoothing: float) -> None:
    spy, batch, mix = Spy(), batch_of(), Mix(name, 1.0)
    objective = Classification(4, label_smoothing=smoothing)
    found = Mixer(mix, 5).losses(objective, spy, batch)["cross_entropy"]
    random = np.random.default_rng([5, 0x6D6978])
    partner = random.permutation(10)
    drawn = float(random.beta(1.0, 1.0))
    other = batch.inputs[partner]
    blended, share = mix.kind.blend(batch.inputs, other, drawn, random)
    assert torch.equal(blended, spy.seen)
    one_hot = F.one_hot(batch.targets, 4).float()
    target = share * one_hot + (1 - share) * one_hot[partner]
    expected = F.cross_entropy(spy(blended), target, label_smoothing=smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", MIXES)
def test_the_share_is_how_much_of_a_row_is_its_own(name: str) -> None:
    random = np.random.default_rng(0)
    for drawn in (0.0, 0.3, 0.7, 1.0):
        own, other = torch.ones(2, 3, 8, 6), torch.zeros(2, 3, 8, 6)
        blended, share = MIXES[name].blend(own, other, drawn, random)
        assert float(blended.mean()) == pytest.approx(share, abs=1e-6)
        assert torch.equal(own, torch.ones(2, 3, 8, 6))


def test_the_same_seed_draws_the_same_blends() -> None:
    losses = []
    for seed in (1, 1, 2):
        mixer = Mixer(Mix("mixup", 1.0), seed)
        objective = Classification(4)
        losses.append(
            [mixer.losses(objective, Spy(), batch_of())["cross_entropy"].item() for _ in range(3)]
        )
    assert losses[0] == losses[1] != losses[2]
    assert len(set(losses[0])) == 3


def test_names_have_settings() -> None:
    assert parse_mix("none") is None
    assert parse_mix("cutmix") == Mix("cutmix", 1.0)
    assert parse_mix("manifold:3") == Mix("manifold", 3.0)
    for bad in ("mixed", "mixup:0", "mixup:-1", "mixup:nan", "mixup:x", "none:1", ""):
        with pytest.raises(UnknownNameError):
            parse_mix(bad)


@pytest.mark.parametrize("name", MIXES)
def test_stored_outputs_are_blended_only_where_that_was_asked_for(name: str) -> None:
    warnings: list[str] = []
    assert build_mixer(name, 0, False, False, "full", warnings)
    assert not warnings
    assert (build_mixer(name, 0, True, False, "top", warnings) is None) == (name != "manifold")
    assert len(warnings) == (name != "manifold")
    assert build_mixer("none", 0, True, False, "top", []) is None
    assert build_mixer(name, 0, False, True, "full", warnings) is None
    assert "lengths" in warnings[-1]
