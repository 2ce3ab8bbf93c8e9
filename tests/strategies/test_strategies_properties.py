"""What every strategy promises, on every scenario and family of backbones; written once.

Nothing is to be added here for a new strategy, modifier or scenario: the tables are walked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graft.backbones.parts import parameters_of
from graft.bank.bucketed import AnyFeed
from graft.closedform import LinearSolution
from graft.errors import UnknownNameError
from graft.export.native import load_model, save_model
from graft.network import Network
from graft.objectives import Classification
from graft.plan import Auditor
from graft.progress import Silent
from graft.scenarios import SCENARIOS, Problem, build_scenario
from graft.strategies import MODIFIERS, STRATEGIES, phases_for
from graft.training import History, PhaseRecord, StageRunner, TrainingOptions, descent
from graft.training.optimizer import build_optimizer
from graft.training.stage import StageData
from graft.types import FloatArray, IntArray, Task
from tests.tiny_families import FAMILIES, LARGE, SMALL, Nursery

COMBINATIONS = [f"lp-ft+{name}" for name in MODIFIERS] + [
    "full+ema+bn-reestimate", "gradual:2+l2-sp+wise", "dora:2+ema+wise", "norm-only+bn-live",
]  # fmt: skip
SPECS = [*STRATEGIES, *COMBINATIONS]
QUICK = [*zip(SPECS, chain(LARGE, cycle(SMALL)), cycle(SCENARIOS), strict=False)]
"""Every run of the tests takes every strategy, family and scenario, in ever other pairs; the rest
of the product takes many minutes."""
PAIRS = [(spec, family) for spec, family, _ in QUICK]
# One row in two is learnt from; the classes are strewn over the colours, so that it takes effort.
TARGETS = np.arange(36) * 7 % 3
DATA = StageData(np.arange(0, 36, 2), np.arange(1, 36, 4), TARGETS)
LABELS = ("a", "b", "c")


@dataclass(frozen=True)
class Trained:
    """A network that a strategy has trained, and what is known of it."""

    network: Network
    before: dict[str, Tensor]
    kinds: list[type[nn.Module]]
    records: list[PhaseRecord]
    optimizers: list[tuple[Optimizer, set[int]]]


def problem(scenario: str) -> Problem:
    """Three outputs: three classes, or two classes beside a quantity that half of the rows lack."""
    if scenario != "multi-task":
        return Problem(DATA, (Task(labels=("a", "b", "c")),), epochs=2)
    first = (DATA.targets > 0).astype(np.float32)
    size = np.where(np.arange(len(first)) % 4 > 1, DATA.targets + 0.5, np.nan)
    targets = np.column_stack([first, size]).astype(np.float32)
    tasks = (Task("classification", ("a", "b"), "kind"), Task("regression", (), "size"))
    return Problem(StageData(DATA.train, DATA.validation, targets), tasks, epochs=2)


def quick_solution(
    objective: Classification, features: FloatArray, targets: IntArray, *_: object
) -> LinearSolution:
    """Ridge instead of logistic regression: exact enough to begin from, and cheap."""
    centre = features.mean(axis=0)
    centred = (features - centre).astype(np.float64)
    known = np.eye(objective.classes)[targets] - 1 / objective.classes
    gram = centred.T @ centred + 10.0 * np.eye(centred.shape[1])
    weight = np.linalg.solve(gram, centred.T @ known).T
    return LinearSolution(weight, -weight @ centre)


def train(
    network: Network, feed: AnyFeed, spec: str, scenario: str, patch: pytest.MonkeyPatch
) -> Trained:
    built: list[tuple[Optimizer, set[int]]] = []

    def listening(*args: object, **settings: object) -> Optimizer:
        optimizer = build_optimizer(*args, **settings)  # type: ignore[arg-type]
        built.append((optimizer, {id(p) for p in network.parameters() if p.requires_grad}))
        return optimizer

    patch.setattr(descent, "build_optimizer", listening)
    patch.setattr(Classification, "solve", quick_solution)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    kinds = [type(module) for module in network.modules()]
    options = TrainingOptions(batch_size=9, augment="none", seed=3)
    runner = StageRunner(network, feed, torch.device("cpu"), options, History(), Silent())
    auditor, phases = Auditor(network), phases_for(spec, network)
    for part in build_scenario(scenario).stages(problem(scenario)):
        runner.run(phases, part.data, part.objective, part.epochs)
        auditor.compare({name for record in runner.records for name in record.tensors})
    network.eval()
    return Trained(network, before, kinds, runner.records, built)


@pytest.fixture(scope="module")
def nursery(
    photos: Path, tiny_encoder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Nursery:
    return Nursery(tmp_path_factory.mktemp("families"), photos, tiny_encoder)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((s, c, f), marks=() if (s, f, c) in QUICK else pytest.mark.long)
        for f in FAMILIES
        for s in SPECS
        for c in SCENARIOS
    ],
    ids="-".join,
)
def trained(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    spec, scenario, family = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        network = nursery.network(family)
        try:
            yield train(network, nursery.feed(network), spec, scenario, patch)
        except UnknownNameError as problem:
            pytest.skip(problem.found)


def draws(network: Network) -> bool:
    """Whether the network draws numbers of its own in training."""
    rates = (getattr(m, "p", 0) or getattr(m, "drop_prob", 0) for m in network.modules())
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


def names_allowed(trained: Trained) -> set[str]:
    return {name for record in trained.records for name in record.tensors}


def test_what_was_frozen_keeps_every_bit(trained: Trained) -> None:
    allowed = {f"backbone.model.{name}" for name in names_allowed(trained)}
    for name, tensor in trained.network.state_dict().items():
        if name not in allowed and not name.startswith("head."):
            assert torch.equal(tensor, trained.before[name]), name


def test_every_trained_parameter_is_in_exactly_one_group(trained: Trained) -> None:
    for optimizer, requiring in trained.optimizers:
        members = [id(p) for group in optimizer.param_groups for p in group["params"]]
        assert len(members) == len(set(members))
        assert set(members) == requiring
        assert all(group["lr"] >= 0 for group in optimizer.param_groups)


def test_the_network_is_plain_again(trained: Trained) -> None:
    network = trained.network
    assert [type(module) for module in network.modules()] == trained.kinds
    assert network.state_dict().keys() == trained.before.keys()
    tensors = {name for block in network.backbone.blocks for name in block.tensors}
    model = network.backbone.model
    assert tensors == {name for name, _ in [*model.named_parameters(), *model.named_buffers()]}
    assert not parameters_of(model, "adapters")


def test_the_saved_model_answers_alike(trained: Trained, nursery: Nursery, tmp_path: Path) -> None:
    saved = save_model(tmp_path / "model", trained.network, LABELS, "classification", {})
    assert saved.format in ("timm", "transformers")
    inputs = nursery.inputs(trained.network)
    with torch.no_grad():
        found = load_model(saved.folder).network(inputs)
        expected = trained.network(inputs)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("spec", "family"),
    [
        pytest.param(s, f, marks=() if (s, f) in PAIRS else pytest.mark.long)
        for f in FAMILIES
        for s in SPECS
    ],
)
def test_the_same_seed_gives_the_same_bytes(
    spec: str, family: str, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for noise in range(2):
        network = nursery.network(family)
        torch.manual_seed(noise)  # nothing may depend on what was drawn before
        if draws(network):
            torch.manual_seed(0)  # as a run does: dropout goes by the process's generator
        try:
            trained = train(network, nursery.feed(network), spec, "standard", monkeypatch)
        except UnknownNameError as problem:
            pytest.skip(problem.found)
        found.append(trained.network.state_dict())
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name
