"""The loss of translations: a mean over tokens, whatever the batches."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.objectives.translation import IGNORED, Translation
from graft.training.loop import Loop
from graft.training.pieces import Pieces
from graft.types import Batch

VOCABULARY = 7


class OnPlaces(nn.Module):
    """Vectors (B, T, 3), NaN where empty, to logits of the others."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, VOCABULARY)

    def forward(self, vectors: Tensor) -> Tensor:
        logits: Tensor = self.layer(vectors[~vectors[..., 0].isnan()])
        return logits


def batch(lengths: list[int], seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    vectors = torch.randn(len(lengths), longest, 3, generator=random)
    targets = torch.randint(0, VOCABULARY, (len(lengths), longest + 2), generator=random)
    for row, length in enumerate(lengths):
        vectors[row, length:] = torch.nan
        targets[row, length:] = IGNORED
    return Batch(vectors, targets)


def rows(whole: Batch, start: int, stop: int) -> Batch:
    return Batch(whole.inputs[start:stop], whole.targets[start:stop])


def step(objective: Translation, model: OnPlaces, piece: Batch) -> Tensor:
    return torch.stack([*objective(model, piece).values()]).sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_parity_with_cross_entropy(smoothing: float) -> None:
    model, whole = OnPlaces(), batch([4, 1, 3])
    wide = torch.zeros(3, 6, VOCABULARY)
    wide[:, :4] = model.layer(whole.inputs.nan_to_num())
    wanted = F.cross_entropy(
        wide.transpose(1, 2), whole.targets, ignore_index=IGNORED, label_smoothing=smoothing
    )
    (found,) = Translation(label_smoothing=smoothing)(model, whole).values()
    torch.testing.assert_close(found, wanted)
    if smoothing:  # (1 - eps) NLL + eps mean(-log p) over the vocabulary
        kept = whole.targets != IGNORED
        logs, labels = wide.log_softmax(-1)[kept], whole.targets[kept]
        plain = -logs[torch.arange(len(labels)), labels]
        by_hand = ((1 - smoothing) * plain + smoothing * -logs.mean(1)).mean()
        torch.testing.assert_close(found, by_hand)


def test_several_batches_give_the_gradient_of_one_that_holds_them_all() -> None:
    whole, objective = batch([5, 1, 1, 2, 4, 3]), Translation(label_smoothing=0.1)
    parts = [rows(whole, 0, 1), rows(whole, 1, 4), rows(whole, 4, 6)]
    gradients = []
    for group in ([whole], parts):
        model = OnPlaces()
        loop = Loop.__new__(Loop)
        loop.step = partial(step, objective, model)
        loop.pieces = Pieces()
        loop.weigh = objective.weigh
        loss = loop.gradients(group)
        assert model.layer.weight.grad is not None
        gradients.append((loss, model.layer.weight.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_score_is_a_mean_over_tokens() -> None:
    whole, objective, model = batch([5, 1, 2]), Translation(label_smoothing=0.3), OnPlaces()
    at_once = objective.score(model, [whole])
    in_parts = objective.score(model, [rows(whole, 0, 1), rows(whole, 1, 3)])
    assert at_once == pytest.approx(in_parts)
    (plain,) = Translation()(model, whole).values()
    assert at_once["loss"] == pytest.approx(plain.item())


def test_outputs_that_are_no_numbers_give_a_loss_that_is_none() -> None:
    whole, model = batch([3, 2]), OnPlaces()
    broken = Batch(whole.inputs * torch.nan, whole.targets)
    (loss,) = Translation()(model, broken).values()
    assert loss.isnan()
    assert (
        Translation().score(model, [broken])["loss"] != Translation().score(model, [whole])["loss"]
    )


def test_there_is_no_exact_solution() -> None:
    import numpy as np

    assert Translation().solve(np.zeros((2, 2)), np.zeros((2, 3)), None) is None
