"""Temperature: one number that puts sureness right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize
from torch.nn import functional

from graft.heads.build import build_head
from graft.objectives import Classification
from graft.objectives.temperature import best_temperature, tempered
from graft.types import Batch


def drawn(sureness: float, rows: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits `sureness` times as large as the probabilities by which the targets are drawn say."""
    torch.manual_seed(0)
    logits = 2 * torch.randn(rows, 4)
    return sureness * logits, torch.multinomial(logits.softmax(1), 1)[:, 0]


@pytest.mark.parametrize("sureness", [0.5, 1.0, 3.0])
def test_the_temperature_is_how_much_too_sure_the_logits_are(sureness: float) -> None:
    assert best_temperature(*drawn(sureness)) == pytest.approx(sureness, rel=0.06)


def test_it_is_the_minimum_that_scipy_finds() -> None:
    logits, targets = drawn(2.0, 50)
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0])

    def loss(place: float) -> float:
        found = functional.cross_entropy(logits / np.exp(place), targets, weight=weights)
        return float(found) + place**2 / 50

    expected = optimize.minimize_scalar(loss, bounds=(-1, 3), method="bounded").x
    assert np.log(best_temperature(logits, targets, weights)) == pytest.approx(expected, abs=1e-3)


def test_few_rows_that_are_all_right_make_nothing_much_surer() -> None:
    logits = torch.eye(3).repeat(2, 1)
    assert 0.3 < best_temperature(logits, logits.argmax(1)) < 1
    assert tempered(logits, logits.argmax(1))["temperature"] < 1


def test_held_out_scores_know_it_and_a_head_takes_it_for_good() -> None:
    logits, targets = drawn(3.0, 400)
    found = Classification(4).score(torch.nn.Identity(), [Batch(logits, targets)])
    assert found["tempered"] < found["loss"]
    for spec in ("linear", "mlp:5"):
        head = build_head(spec, 6, 4)
        features = torch.randn(7, 6)
        before = head(features)
        head.temper(found["temperature"])
        assert torch.allclose(head(features), before / found["temperature"], atol=1e-6)
