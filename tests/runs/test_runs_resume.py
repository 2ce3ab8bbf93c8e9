"""A run that is broken off anywhere goes on to the same bytes, or says why it does not."""

from __future__ import annotations

import errno
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import graft
from graft.bank import pixels, store
from graft.errors import DataError, ModelError, OutputError, ResourceError, UserError
from graft.export import native
from graft.recipe import make_recipe
from graft.run import run
from graft.runs import resume
from graft.runs.assessment import Assessor
from graft.runs.folder import RunFolder, is_finished, is_unfinished
from graft.training import checkpoint, keeper, loop
from graft.training.position import Position
from graft.types import Json

SETTINGS: Json = {"strategy": "gradual:2+ema", "views": 2, "dropout": 0.2}


class KilledError(BaseException):
    """Stands for the end of a process: nothing may catch it."""


@dataclass(frozen=True)
class Fault:
    """Where a process ends: the n-th call of what an attribute names."""

    owner: Any
    name: str
    call: int
    problem: BaseException

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block it is waiting to happen."""
        with pytest.MonkeyPatch.context() as patch:
            self._set(patch)
            yield

    def _set(self, patch: pytest.MonkeyPatch) -> None:
        function, calls = getattr(self.owner, self.name), list[int]()

        def broken(*args: Any, **settings: Any) -> Any:
            calls.append(1)
            if len(calls) == self.call:
                raise self.problem
            return function(*args, **settings)

        patch.setattr(self.owner, self.name, broken)


KILLED, STOPPED = KilledError(), KeyboardInterrupt()
FAULTS = {
    # Before training a stop in the process cleans up after a mistake, so these are told by Ctrl-C.
    "decoding": Fault(pixels.Pixels, "_store", 1, STOPPED),
    "the first bank fill": Fault(store, "write_segment", 2, STOPPED),
    "the bank fill of a phase": Fault(store, "write_segment", 4, KILLED),
    "before a step": Fault(loop.Loop, "step_on", 2, KILLED),
    "inside a step": Fault(loop, "clip_gradients", 7, KILLED),
    "a boundary between phases": Fault(Position, "next_phase", 2, KILLED),
    "writing tensors": Fault(checkpoint, "_bytes", 200, KILLED),
    "before a checkpoint is whole": Fault(checkpoint, "_digest", 5, KILLED),
    "before it has its name": Fault(checkpoint, "flush_folder", 6, KILLED),
    "measuring": Fault(Assessor, "measure", 1, KILLED),
    "saving the model": Fault(native, "write_checksums", 1, KILLED),
    "writing the result": Fault(RunFolder, "write_result", 1, KILLED),
}


def outcome(folder: Path) -> Json:
    """What must be equal: every byte of the model, all figures, and the history but its seconds."""
    result = json.loads((folder / "result.json").read_text())
    rows = [json.loads(row) for row in (folder / "history.jsonl").read_text().splitlines()]
    names = ("model.safetensors", "config.json", "golden.safetensors")
    same = ("metrics", "baseline", "confusion", "transfer", "audit", "warnings", "recipe", "errors")
    return {
        **{name: (folder / "model" / name).read_bytes() for name in names},
        **{name: result[name] for name in same},
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in rows],
        "recipe.yaml": (folder / "recipe.yaml").read_text(),
        "files": sorted(path.name for path in folder.iterdir() if path.name != "report.html"),
    }


@pytest.fixture(scope="module")
def whole(photos: Path, tiny: Json, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """What comes of the run that is never broken off."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_CACHE", str(folder / "cache"))
        graft.fit(str(photos), **tiny, **SETTINGS, out=folder / "run", checkpoint_every=0)
    return outcome(folder / "run")


@pytest.fixture
def break_off(photos: Path, tiny: Json, tmp_path: Path) -> Callable[..., Path]:
    def broken(fault: Fault, **changes: object) -> Path:
        folder = tmp_path / "run"
        settings = {**tiny, **SETTINGS, "checkpoint_every": 0, **changes}
        with fault.waiting(), pytest.raises(type(fault.problem)):
            graft.fit(str(photos), **settings, out=folder)
        assert is_unfinished(folder)
        return folder

    return broken


# The others take the same paths, and are tried by `make test-long`.
OFTEN = {"the bank fill of a phase", "inside a step", "writing tensors", "saving the model"}


@pytest.mark.parametrize(
    "name", [n if n in OFTEN else pytest.param(n, marks=pytest.mark.long) for n in FAULTS]
)
def test_a_run_broken_off_anywhere_ends_with_the_same_bytes(
    name: str, break_off: Callable[..., Path], whole: Json
) -> None:
    folder = break_off(FAULTS[name])
    model = graft.fit(resume=folder)
    assert outcome(folder) == whole
    assert is_finished(folder)
    assert model.result["checkpoints"]["resumed"] <= 1


def test_a_run_may_be_broken_off_again_and_again(
    break_off: Callable[..., Path], whole: Json
) -> None:
    folder = break_off(FAULTS["before a step"])
    for _ in range(3):
        with Fault(loop.Loop, "step_on", 3, KILLED).waiting(), pytest.raises(KilledError):
            graft.fit(resume=folder, checkpoint_every=0)
    result = graft.fit(resume=folder).result
    assert outcome(folder) == whole
    assert result["checkpoints"]["resumed"] == len(result["checkpoints"]["taken_up"]) == 4


def test_a_damaged_checkpoint_is_passed_over(broken: Path, whole: Json) -> None:
    last = checkpoint.listed(broken / "checkpoints")[-1] / checkpoint.TENSORS
    content = bytearray(last.read_bytes())
    content[-1] ^= 1
    last.write_bytes(content)
    graft.fit(resume=broken)
    assert outcome(broken) == whole


def test_without_a_whole_checkpoint_the_run_begins_again(broken: Path, whole: Json) -> None:
    for path in checkpoint.listed(broken / "checkpoints"):
        (path / checkpoint.STATE).write_text("{")
    graft.fit(resume=broken)
    assert outcome(broken) == whole


# What is refused.


@pytest.fixture(scope="module")
def broken_once(photos: Path, tiny: Json, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was broken off. Not to be changed."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    with FAULTS["inside a step"].waiting(), pytest.raises(KilledError):
        graft.fit(str(photos), **tiny, **SETTINGS, out=folder, checkpoint_every=0)
    return folder


@pytest.fixture
def broken(broken_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(broken_once, tmp_path / "run")


def test_an_unfinished_run_is_not_overwritten(broken: Path, photos: Path) -> None:
    with pytest.raises(OutputError, match="did not finish") as caught:
        graft.fit(str(photos), out=broken)
    assert f"graft fit --resume {broken}" in caught.value.next
    assert is_unfinished(broken)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lr": 0.5}, "lr"),
        ({"strategy": "full"}, "strategy"),
        ({"compare": True}, "compare"),
        ({"budget": "10s"}, "budget"),
        ({"data": "elsewhere"}, "data"),
        ({"recipe": "recipe.yaml"}, "recipe"),
        ({"out": "elsewhere"}, "elsewhere"),
    ],
    ids=str,
)
def test_what_contradicts_the_run_is_refused(given: Json, told: str, broken: Path) -> None:
    with pytest.raises(UserError, match=told) as caught:
        graft.fit(resume=broken, **given)
    assert "--resume" in caught.value.next
    assert is_unfinished(broken)


def test_what_agrees_with_the_run_may_be_given(broken: Path, photos: Path, whole: Json) -> None:
    graft.fit(str(photos), resume=broken, out=broken, strategy="gradual:2+ema", epochs=2)
    assert outcome(broken) == whole


def test_a_changed_recipe_is_refused(broken: Path) -> None:
    path = broken / "recipe.yaml"
    path.write_text(path.read_text().replace("patience: 8", "patience: 7"))
    with pytest.raises(UserError, match="patience is 7"):
        graft.fit(resume=broken)


def test_other_versions_are_refused(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = resume._version
    monkeypatch.setattr(resume, "_version", lambda name: "0.1" if name == "torch" else found(name))
    with pytest.raises(ModelError, match=r"torch .*now 0\.1"):
        graft.fit(resume=broken)


def test_other_data_are_refused(
    tiny: Json, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    data = make_photos(tmp_path / "p", {"blue": 8, "red": 8})
    with FAULTS["before a step"].waiting(), pytest.raises(KilledError):
        graft.fit(str(data), **tiny, strategy="full", out=tmp_path / "run", checkpoint_every=0)
    (data / "red" / "03.png").write_bytes((data / "red" / "04.png").read_bytes())
    with pytest.raises(DataError, match="not the one"):
        graft.fit(resume=tmp_path / "run")


def test_data_in_another_place_are_told(
    tiny: Json, tmp_path: Path, make_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photos(tmp_path / "p", {"blue": 8, "red": 8})
    with FAULTS["before a step"].waiting(), pytest.raises(KilledError):
        graft.fit("p", **tiny, strategy="full", out="run", checkpoint_every=0)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(DataError, match="begun in") as caught:
        graft.fit(resume=tmp_path / "run")
    assert caught.value.next.startswith(f"cd {tmp_path}")


@pytest.mark.parametrize("prepare", [Path.mkdir, lambda path: None], ids=["empty", "nothing"])
def test_what_is_no_run_is_refused(prepare: Callable[[Path], None], tmp_path: Path) -> None:
    prepare(tmp_path / "run")
    with pytest.raises(OutputError, match="no run that did not finish"):
        graft.fit(resume=tmp_path / "run")


def test_a_finished_run_has_nothing_left_to_do(broken: Path, whole: Json) -> None:
    graft.fit(resume=broken)
    again = graft.fit(resume=broken)
    assert again.result["metrics"] == whole["metrics"]
    assert not (broken / "checkpoints").exists()


# Ctrl-C, and a full disk.


class Once:
    """Presses Ctrl-C in a step: what the user's terminal does; or what a scheduler of jobs does."""

    def __init__(self, presses: int, number: signal.Signals = signal.SIGINT) -> None:
        self.presses, self.number, self.said = presses, number, list[str]()

    def start(self, task: str, total: int) -> None:
        pass

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        if task.startswith("unfreeze") and note:
            for _ in range(self.presses):
                signal.raise_signal(self.number)

    def finish(self, task: str) -> None:
        pass

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.mark.parametrize(
    ("presses", "number"), [(1, signal.SIGINT), (2, signal.SIGINT), (1, signal.SIGTERM)]
)
def test_ctrl_c_stops_with_a_checkpoint_and_twice_at_once(
    presses: int, number: signal.Signals, photos: Path, tiny: Json, tmp_path: Path, whole: Json
) -> None:
    listener, folder = Once(presses, number), tmp_path / "run"
    settings = {**tiny, **SETTINGS, "checkpoint_every": 1e6}  # none but that of the stop
    with pytest.raises(KeyboardInterrupt):
        graft.fit(str(photos), **settings, out=folder, progress=listener)
    assert "Stopping after this step" in listener.said[-2]
    assert listener.said[-1] == f"Go on with: graft fit --resume {folder}"
    assert len(checkpoint.listed(folder / "checkpoints")) == (presses == 1)
    graft.fit(resume=folder)
    assert outcome(folder) == whole


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(store, "write_segment", 1, FULL), id="bank"),
        pytest.param(Fault(checkpoint, "_write_tensors", 3, FULL), id="checkpoint"),
        pytest.param(Fault(native, "write_checksums", 1, FULL), id="model", marks=pytest.mark.long),
        pytest.param(
            Fault(RunFolder, "write_result", 1, FULL), id="result", marks=pytest.mark.long
        ),
    ],
)
def test_a_full_disk_leaves_a_run_that_goes_on(
    fault: Fault, photos: Path, tiny: Json, tmp_path: Path, whole: Json
) -> None:
    folder = tmp_path / "run"
    with fault.waiting(), pytest.raises(ResourceError) as caught:
        graft.fit(str(photos), **tiny, **SETTINGS, out=folder, checkpoint_every=0)
    assert "disk is full" in caught.value.found
    assert caught.value.next.endswith(f"graft fit --resume {folder}")
    graft.fit(resume=folder)
    assert outcome(folder) == whole


# How often.


def test_checkpoints_cost_a_fiftieth_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def write(folder: Path, state: Json) -> None:
        nonlocal now
        now += 0.5

    monkeypatch.setattr(keeper, "perf_counter", lambda: now)
    monkeypatch.setattr(keeper, "write_checkpoint", write)
    kept = keeper.Keeper(tmp_path, lambda _: None)
    while now < 500:
        now += 0.1
        kept.pause(dict, inside=True)
    assert 0.015 * now < kept.seconds < 0.02 * now


def test_what_was_asked_for_is_gone_after_a_mistake(photos: Path, tmp_path: Path) -> None:
    recipe = make_recipe({"data": str(photos), "strategy": "top-k:99", "backbone": "test_resnet"})
    with pytest.raises(UserError):
        run(recipe.model_copy(update={"weights": "random"}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
