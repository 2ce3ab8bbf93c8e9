"""Masked losses of several tasks, and FAMO."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graft.data.targets import unpack
from graft.errors import UnknownNameError
from graft.objectives import (
    LossSettings,
    MultiLabel,
    Regression,
    build_objective,
    build_several,
    output_units,
    positive_weights,
)
from graft.objectives.balance import Famo, _still, famo_direction
from graft.objectives.several import AS_IT_IS, Several
from graft.types import Batch, Targets, Task

TASKS = (
    Task("classification", ("a", "b", "c"), "kind"),
    Task("regression", (), "size"),
    Task("multi-label", ("p", "q"), "marks"),
)
RANDOM = np.random.default_rng(0)
TARGETS: Targets = np.column_stack(
    [RANDOM.integers(0, 3, 90), RANDOM.normal(50, 9, 90), RANDOM.integers(0, 2, (90, 2))]
).astype(np.float32)
OUTPUTS = torch.from_numpy(RANDOM.normal(size=(90, 6)).astype(np.float32)) + torch.tensor(
    [0.0, 0, 0, 50, 0, 0]
)


def several(balance: str = "start", targets: Targets = TARGETS) -> Several:
    columns = unpack(TASKS, targets)
    each = [build_objective(t, c, LossSettings()) for t, c in zip(TASKS, columns, strict=True)]
    return build_several(balance, TASKS, each, targets)


def with_gaps() -> Targets:
    gaps = TARGETS.copy()
    gaps[RANDOM.random(90) < 0.5, 0] = np.nan
    gaps[RANDOM.random(90) < 0.5, 1] = np.nan
    gaps[RANDOM.random(90) < 0.5, 2:] = np.nan
    return gaps


@pytest.mark.parametrize("balance", ["start", "none", "famo"])
def test_each_loss_is_the_mean_over_the_rows_labelled_for_it(balance: str) -> None:
    gaps = with_gaps()
    objective = several(balance)
    found = objective.losses(OUTPUTS, torch.from_numpy(gaps))
    kind, size, marks = unpack(TASKS, gaps)
    rows = torch.from_numpy(kind >= 0)
    kinds = nn.functional.cross_entropy(OUTPUTS[rows, :3], torch.from_numpy(kind)[rows])
    assert float(found["kind"]) == pytest.approx(float(kinds), rel=1e-5)
    known = ~np.isnan(size)
    error = (OUTPUTS[:, 3].numpy()[known] - size[known]) / TARGETS[:, 1].std()
    assert float(found["size"]) == pytest.approx(float((error**2).mean()), rel=1e-4)
    held = torch.from_numpy(~np.isnan(marks).any(axis=1))
    wanted = torch.from_numpy(marks)[held]
    bce = nn.functional.binary_cross_entropy_with_logits(OUTPUTS[held][:, 4:], wanted)
    assert float(found["marks"]) == pytest.approx(float(bce), rel=1e-5)


def test_a_task_without_a_label_in_the_batch_gives_no_gradient_and_no_nan() -> None:
    gaps = TARGETS.copy()
    gaps[:, 1] = np.nan
    for balance in ("start", "famo"):
        outputs = OUTPUTS.clone().requires_grad_()
        losses = several(balance)(AS_IT_IS, Batch(outputs, torch.from_numpy(gaps)))
        assert set(losses) == {"kind", "marks"}
        torch.stack([*losses.values()]).sum().backward()
        assert outputs.grad is not None
        assert outputs.grad.isfinite().all()
        assert not outputs.grad[:, 3].any()
    gaps[:] = np.nan
    nothing = several()(AS_IT_IS, Batch(OUTPUTS.requires_grad_(), torch.from_numpy(gaps)))
    assert [float(loss.detach()) for loss in nothing.values()] == [0.0]


def test_the_best_answer_that_does_not_look_starts_at_one_for_every_task() -> None:
    objective = several()
    rates = torch.bincount(torch.from_numpy(TARGETS[:, 0]).long()) / 90
    odds = torch.from_numpy(TARGETS[:, 2:]).mean(0).logit()
    outputs = torch.cat([rates.log(), torch.tensor([float(TARGETS[:, 1].mean())]), odds])
    score = objective.score(AS_IT_IS, [Batch(outputs.expand(90, -1), torch.from_numpy(TARGETS))])
    assert score["loss"] == pytest.approx(1.0, abs=1e-3)
    assert score["size: mae"] == pytest.approx(np.abs(TARGETS[:, 1] - TARGETS[:, 1].mean()).mean())


def test_the_exact_solution_is_each_tasks_own() -> None:
    features = RANDOM.normal(size=(90, 5))
    gaps = with_gaps()
    objective = several("start", gaps)
    found = objective.solve(features, gaps, None)
    assert found is not None
    kind, size, _ = unpack(TASKS, gaps)
    rows, known = kind >= 0, ~np.isnan(size)
    first = build_objective(TASKS[0], kind, LossSettings()).solve(features[rows], kind[rows], None)
    second = Regression().solve(features[known], size[known], None)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(found.weight[:3], first.weight)
    np.testing.assert_array_equal(found.weight[3:4], second.weight)
    assert found.bias.shape == (6,)


class Shared(nn.Module):
    """One shared number; the first task wants it at 1, the second at -1, a thousand times."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.tensor(0.2))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.shared.expand(len(inputs), 2)


QUANTITIES = (Task("regression", (), "one"), Task("regression", (), "two"))


def famo(scale: float = 1.0) -> Famo:
    each = [Regression(), Regression(scale=scale**-0.5)]
    return Famo(QUANTITIES, each, {"one": 1.0, "two": 1.0})


def pulled(objective: Famo, steps: int = 60) -> tuple[float, list[float]]:
    """The shared number and FAMO's weights after plain gradient steps of unit length."""
    model, batch = Shared(), Batch(torch.zeros(4, 1), torch.tensor([[1.0, -1.0]] * 4))
    for _ in range(steps):
        model.zero_grad()
        torch.stack([*objective(model, batch).values()]).sum().backward()
        assert model.shared.grad is not None
        with torch.no_grad():
            model.shared.sub_(0.01 * model.shared.grad.sign())
        objective.after_step()
    return float(model.shared.detach()), objective.weights.detach().tolist()


def test_famo_does_not_see_the_scale_of_a_loss() -> None:
    (plain, weights), (scaled, others) = pulled(famo()), pulled(famo(1000.0))
    assert scaled == pytest.approx(plain, abs=1e-4)
    assert others == pytest.approx(weights, abs=1e-4)


@pytest.mark.parametrize("cuts", [[8], [5, 3], [2, 1, 5]])
def test_famo_moves_once_a_step_by_all_its_rows(cuts: list[int]) -> None:
    """Whatever the pieces of a step, also where labels are missing."""
    targets = torch.tensor([[0.3, -1.0], [0.9, torch.nan]] * 4)
    objective, model = famo(), Shared()
    for step in range(5):
        for piece in targets.split(cuts):
            objective(model, Batch(torch.zeros(len(piece), 1), piece))
        with torch.no_grad():
            model.shared.add_(0.1 + step / 100)
        objective.after_step()
    objective(model, Batch(torch.zeros(8, 1), targets))
    whole, plain = famo(), Shared()
    for step in range(6):
        whole(plain, Batch(torch.zeros(8, 1), targets))
        with torch.no_grad():
            plain.shared.add_(0.1 + step / 100)
        whole.after_step()
    assert whole._optimizer.state[whole.weights]["step"] == 5
    assert objective.weights.tolist() == pytest.approx(whole.weights.tolist(), abs=1e-7)
    assert objective.weights.tolist() != [0.0, 0.0]


def test_what_was_undone_does_not_move_famos_weights() -> None:
    objective, model = famo(), Shared()
    batch = Batch(torch.zeros(4, 1), torch.tensor([[1.0, -1.0]] * 4))
    objective(model, batch)  # no step came of it: the weights went back
    objective(model, batch)
    assert objective.weights.tolist() == [0.0, 0.0]


def test_famo_gives_more_to_the_task_whose_loss_falls_less() -> None:
    direction = famo_direction(torch.zeros(3), [0.5, 0.1, None])
    assert direction[0] > 0 > direction[1]
    assert float(direction[2]) == pytest.approx(0.0, abs=1e-7)
    assert float(direction.sum()) == pytest.approx(0.0, abs=1e-7)


def test_equal_falls_leave_the_weights_equal() -> None:
    assert famo_direction(torch.zeros(2), [0.3, 0.3]).tolist() == [0.0, 0.0]


def test_famo_shows_the_scaled_mean_and_ignores_calls_without_gradient() -> None:
    objective, plain = several("famo"), several("start")
    batch = Batch(OUTPUTS.detach(), torch.from_numpy(TARGETS))
    wanted = plain(AS_IT_IS, batch)
    with torch.no_grad():
        objective(AS_IT_IS, batch)
    assert isinstance(objective, Famo)
    assert not objective._before
    found = objective(AS_IT_IS, batch)
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {k: float(v) for k, v in wanted.items()}
    )


def test_batch_norm_does_not_see_famos_further_pass() -> None:
    norm = nn.BatchNorm1d(2)
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    with _still(norm):
        norm(torch.randn(8, 2))
    for name, tensor in norm.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_units_are_those_of_the_quantities_alone() -> None:
    offset, unit = output_units(TASKS, TARGETS)
    assert offset.tolist() == pytest.approx([0, 0, 0, TARGETS[:, 1].mean(), 0, 0], rel=1e-5)
    assert unit.tolist() == pytest.approx([1, 1, 1, TARGETS[:, 1].std(), 1, 1], rel=1e-5)


def test_positive_weights_and_smoothing_of_labels() -> None:
    assert positive_weights("auto", np.array([1]), 10) is None
    weights = positive_weights("sqrt", np.array([1, 5]), 10)
    assert weights is not None
    assert weights.tolist() == [3.0, 1.0]
    batch = Batch(torch.zeros(2, 1), torch.tensor([[1.0], [0.0]]))
    plain, smooth = MultiLabel(1), MultiLabel(1, label_smoothing=0.2)
    assert float(plain(AS_IT_IS, batch)["binary_cross_entropy"]) == pytest.approx(math.log(2))
    assert smooth.solve(np.ones((2, 1)), np.array([[1.0], [0.0]]), None) is None


def test_hubers_loss_is_linear_far_out_and_has_no_exact_solution() -> None:
    huber = Regression(10.0, 2.0, "huber")
    batch = Batch(torch.tensor([[10.0], [14.0]]), torch.tensor([10.0, 10.0]))
    assert float(huber(AS_IT_IS, batch)["huber_error"]) == pytest.approx(1.5 / 2)
    assert huber.solve(np.ones((3, 1)), np.arange(3.0), None) is None
    with pytest.raises(UnknownNameError, match="'hubr'"):
        Regression(loss="hubr")
