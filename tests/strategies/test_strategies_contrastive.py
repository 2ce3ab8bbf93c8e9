"""Contrastive fine-tuning: what its loss asks for, and what alike means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from graft.objectives import Classification, Contrasted, MultiLabel, Regression, build_several
from graft.strategies import build_strategy
from graft.strategies.contrastive import cosines
from graft.types import Batch, Task


def test_the_loss_is_least_where_classes_stand_at_right_angles() -> None:
    alike = Classification(2).alike(torch.tensor([0, 0, 1]))
    apart = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    assert cosines(apart, alike).item() == pytest.approx(0)
    assert cosines(torch.ones(3, 2), alike).item() == pytest.approx(0.5)  # unlike pairs alone err
    assert cosines(torch.eye(3), alike).item() == pytest.approx(0.5)  # the like pair alone


def test_the_loss_of_pairs_is_that_of_sentence_transformers_in_a_balanced_batch() -> None:
    """Two like and two unlike pairs: mean squared error of cosines, as `CosineSimilarityLoss`."""
    torch.manual_seed(0)
    first, second = torch.randn(4, 8), torch.randn(4, 8)
    wanted = torch.tensor([1.0, 1.0, 0.0, 0.0])
    expected = (torch.cosine_similarity(first, second) - wanted).square().mean()
    alike = torch.full((8, 8), torch.nan)
    alike[torch.arange(4), torch.arange(4) + 4] = wanted
    assert cosines(torch.cat([first, second]), alike).item() == pytest.approx(expected.item())


def test_likeness_of_every_kind_of_task() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [torch.nan, torch.nan]])
    found = MultiLabel(2).alike(labels)
    assert found[0, 1] == 0.5
    assert found[2].isnan().all()
    sizes = Regression().alike(torch.tensor([0.0, 1.0, 4.0]))
    assert sizes[0].tolist() == pytest.approx([1.0, 0.75, 0.0])
    tasks = (Task("classification", ("a", "b"), "kind"), Task("regression", (), "size"))
    targets = torch.tensor([[0.0, 1.0], [0.0, torch.nan], [1.0, 5.0]])
    several = build_several(
        "none", tasks, [Classification(2), Regression()], targets.numpy().astype(np.float32)
    ).alike(targets)
    assert several[0, 1] == 1  # by kind alone
    assert several[0, 2] == 0  # another kind, and the largest distance


def test_the_head_does_not_train_and_pairs_are_counted() -> None:
    torch.manual_seed(0)
    body, head = nn.Linear(3, 4), nn.Linear(4, 2)
    objective = Contrasted(Classification(2), head, cosines)
    batch = Batch(torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 1]))
    objective(nn.Sequential(body, head), batch)["contrast"].backward()
    assert head.weight.grad is None
    assert body.weight.grad is not None
    assert objective.note() == "10 pairs of rows compared in 1 batches"
    assert not [*objective.parameters()]


def test_a_probe_follows_the_pairs() -> None:
    first, last = build_strategy("contrastive").phases(["a", "b"])
    assert first.contrast is not None
    assert first.plan.trained == ("b",)
    assert last.solver == "exact"
    assert last.plan.trained == ()
