"""A phase that is stopped anywhere and taken up by another process ends with the same bytes.

The property is written once and walks the tables of strategies, modifiers, scenarios, optimizers
and balances; nothing is to be added here for a new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.bank.feed import Feed
from graft.heads.build import build_head
from graft.network import Network
from graft.objectives import BALANCES
from graft.progress import Silent
from graft.scenarios import Problem, build_scenario
from graft.strategies import MODIFIERS, STRATEGIES, phases_for
from graft.training import OPTIMIZERS, History, StageRunner, TrainingOptions
from graft.training.checkpoint import read_checkpoint, write_checkpoint
from graft.training.mixing import MIXES
from graft.training.rows import StageData
from graft.types import Json, Task

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
TARGETS = np.arange(36) * 7 % 3
TRAIN, HELD_OUT = np.arange(0, 36, 2), np.arange(1, 36, 4)
EPOCHS = 2
SPECS = [*STRATEGIES, *(f"lp-ft+{name}" for name in MODIFIERS), "dora:2+ema+wise", "gradual:2+ema"]


Begin = Callable[..., "Process"]


class KilledError(Exception):
    """Stands for the end of a process."""


def settings(**changes: object) -> TrainingOptions:
    plain = {"batch_size": 6, "augment": "light", "seed": 3, "schedule": "cosine"}
    return TrainingOptions(**{**plain, **changes})  # type: ignore[arg-type]


def problem_of(scenario: str, balance: str = "start") -> Problem:
    """Three classes, or two classes beside a quantity that half of the rows lack."""
    if scenario == "standard":
        data = StageData(TRAIN, HELD_OUT, TARGETS)
        return Problem(data, (Task(labels=("a", "b", "c")),), epochs=EPOCHS)
    size = np.where(np.arange(36) % 4 > 1, TARGETS + 0.5, np.nan)
    targets = np.column_stack([TARGETS > 0, size]).astype(np.float32)
    tasks = (Task("classification", ("a", "b"), "kind"), Task("regression", (), "size"))
    data = StageData(TRAIN, HELD_OUT, targets)
    return Problem(data, tasks, balance=balance, epochs=EPOCHS)


class Process:
    """Trains as a run does; may be told to end at a pause."""

    def __init__(
        self,
        network: Network,
        feed: Feed,
        spec: str,
        options: TrainingOptions,
        problem: Problem,
        folder: Path,
    ) -> None:
        torch.manual_seed(options.seed)
        self.network, self.problem, self.folder = network, problem, folder
        cpu = torch.device("cpu")
        history = History(folder / "history.jsonl")
        self.runner = StageRunner(network, feed, cpu, options, history, Silent())
        self.runner.pause = self.pause
        self.phases = phases_for(spec, network)
        self.pauses, self.last = 0, -1

    def train(self, last: int = -1) -> None:
        """To the end, or to the pause with this number: there the checkpoint is written."""
        self.last = last
        name = "standard" if len(self.problem.tasks) == 1 else "multi-task"
        for number, stage in enumerate(build_scenario(name).stages(self.problem)):
            if number >= self.runner.position.stage:
                self.runner.run(self.phases, stage.data, stage.objective, stage.epochs)

    def pause(self, state: Callable[[], Json], *, inside: bool) -> None:
        self.pauses += 1
        if self.pauses == self.last:
            write_checkpoint(self.folder / "checkpoints", state())
            raise KilledError

    def resume(self) -> None:
        state, damaged = read_checkpoint(self.folder / "checkpoints")
        assert state is not None
        assert not damaged
        self.runner.resume(state)

    def outcome(self) -> tuple[dict[str, bytes], list[Json], list[Json]]:
        """Every tensor's bytes, the history and the records, all but the seconds."""
        tensors = {n: t.numpy().tobytes() for n, t in self.network.state_dict().items()}
        rows = [without_seconds(row) for row in self.runner.history.rows]
        return tensors, rows, [without_seconds(r.to_dict()) for r in self.runner.records]


def without_seconds(row: Mapping[str, object]) -> Json:
    return {name: value for name, value in row.items() if name != "seconds"}


def assert_resumes(begin: Callable[[Path], Process], folder: Path, share: float) -> None:
    """Stop at a share of all pauses, take up, and compare with what was never stopped."""
    whole = begin(folder / "whole")
    whole.train()
    moment = max(1, round(share * whole.pauses))
    first = begin(folder / "parts")
    with pytest.raises(KilledError):
        first.train(moment)
    torch.manual_seed(99)  # another process
    second = begin(folder / "parts")
    second.resume()
    second.train()
    assert second.outcome() == whole.outcome()
    assert second.runner.history.rows == [*map(json.loads, lines(folder / "parts"))]
    assert moment + second.pauses == whole.pauses  # nothing was done twice


def lines(folder: Path) -> list[str]:
    return (folder / "history.jsonl").read_text().splitlines()


@pytest.fixture
def begin(make_network: MakeNetwork, make_feed: MakeFeed) -> Begin:
    def made(
        folder: Path, spec: str, options: TrainingOptions, problem: Problem, head: str = "linear"
    ) -> Process:
        folder.mkdir(exist_ok=True)
        network = make_network(head=head)
        if head != "linear":  # dropout draws from the process's own generator
            classes, width = network.head.classes, network.backbone.num_features
            network = Network(network.backbone, build_head(head, width, classes, dropout=0.5))
        return Process(network, make_feed(network), spec, options, problem, folder)

    return made


def moment_of(spec: str) -> float:
    """Another share of the way for every case, the same on every run of the tests."""
    return (sum(spec.encode()) % 19 + 1) / 20


@pytest.mark.parametrize("spec", SPECS)
def test_every_strategy_resumes(spec: str, begin: Begin, tmp_path: Path) -> None:
    problem, options = problem_of("standard"), settings()
    assert_resumes(lambda at: begin(at, spec, options, problem), tmp_path, moment_of(spec))


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("spec", ["full", "gradual:2"])
def test_every_balance_of_tasks_resumes(
    spec: str, balance: str, begin: Begin, tmp_path: Path
) -> None:
    problem, options = problem_of("multi-task", balance), settings()
    assert_resumes(lambda at: begin(at, spec, options, problem), tmp_path, moment_of(balance))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes(optimizer: str, begin: Begin, tmp_path: Path) -> None:
    kind = OPTIMIZERS[optimizer]
    schedule = kind.schedules[0] if kind.schedules else "linear"
    options = settings(optimizer=optimizer, schedule=schedule, accumulate=2, batch_size=3)
    problem = problem_of("standard")
    assert_resumes(
        lambda at: begin(at, "lp-ft+bn-live", options, problem), tmp_path, moment_of(optimizer)
    )


@pytest.mark.parametrize("mix", MIXES)
def test_every_mix_resumes(mix: str, begin: Begin, tmp_path: Path) -> None:
    problem, options = problem_of("standard"), settings(mix=mix, sampling="balanced")
    assert_resumes(lambda at: begin(at, "full+ema", options, problem), tmp_path, moment_of(mix))


def test_dropout_and_views_resume(begin: Begin, tmp_path: Path) -> None:
    problem, options = problem_of("standard"), settings(views=3)
    assert_resumes(lambda at: begin(at, "head", options, problem, "mlp:8"), tmp_path, 0.6)


def test_a_checkpoint_keeps_how_maps_lie_in_memory(tmp_path: Path) -> None:
    """The last bits of a step depend on it."""
    plain = torch.randn(2, 3, 4, 5)
    maps = plain.contiguous(memory_format=torch.channels_last)
    write_checkpoint(tmp_path, {"plain": plain, "maps": maps, "one": maps[:, :1].clone()})
    state, _ = read_checkpoint(tmp_path)
    assert state is not None
    assert torch.equal(state["maps"], maps)
    assert state["maps"].stride() == maps.stride()
    assert state["plain"].stride() == plain.stride()


LONG = pytest.mark.long


@pytest.mark.parametrize("share", [0.5, *(pytest.param(x, marks=LONG) for x in (0.2, 0.9))])
def test_rescues_resume(share: float, begin: Begin, tmp_path: Path) -> None:
    problem, options = problem_of("standard"), settings(lr=30.0, batch_size=2)
    assert_resumes(lambda at: begin(at, "full", options, problem), tmp_path, share)
    assert any("rescue" in line for line in lines(tmp_path / "whole"))


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.long)])
def test_every_pause_can_be_the_last(stride: int, begin: Begin, tmp_path: Path) -> None:
    """Also the first step, the last one, both sides of a boundary, and the very end."""
    problem, options = problem_of("standard"), settings(batch_size=9, views=2)

    def begun(folder: Path) -> Process:
        return begin(folder, "gradual:2+ema", options, problem)

    whole = begun(tmp_path / "whole")
    whole.train()
    for moment in range(1, whole.pauses + 1, stride):
        folder = tmp_path / f"{moment}"
        with pytest.raises(KilledError):
            begun(folder).train(moment)
        second = begun(folder)
        second.resume()
        second.train()
        assert second.outcome() == whole.outcome(), moment
