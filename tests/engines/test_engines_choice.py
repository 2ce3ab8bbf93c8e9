"""Choosing: little work eagerly, more in a graph, much by a measurement; never a wrong answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graft.engines import Engine, EngineFailed, Work, fastest
from graft.engines import choice as choice_file
from graft.network import Network

MakeNetwork = Callable[..., Network]
INPUTS = torch.zeros(2, 3, 32, 32)
MUCH = Work(1e11, 1)


class Clock:
    """Engines that take a stated time and are never wrong; remembers which were built."""

    def __init__(self, patch: pytest.MonkeyPatch, seconds: dict[str, float]) -> None:
        self.built: list[str] = []
        self.seconds = seconds
        patch.setattr(choice_file, "sound", self.sound)
        patch.setattr(choice_file, "_seconds", lambda engine, inputs: seconds[engine.name])
        names = ("eager", "folded", "packed", "onnxruntime")
        patch.setattr(choice_file, "available", lambda device: names)

    def sound(self, name: str, prefix: object, inputs: Tensor) -> Engine:
        self.built.append(name)
        if name not in self.seconds:
            raise EngineFailed("it is broken")
        return Engine(name, lambda batch: batch)


def choose(network: Network, rows: int, work: Work) -> tuple[str, list[str]]:
    notes: list[str] = []
    return fastest(network.backbone, INPUTS, rows, work, notes.append).name, notes


@pytest.mark.parametrize(
    ("rows", "built", "chosen"),
    [
        (1, ["eager"], "eager"),
        (20, ["packed"], "packed"),
        (1000, ["packed", "onnxruntime"], "onnxruntime"),
    ],
)
def test_the_trial_grows_with_the_work(
    rows: int,
    built: list[str],
    chosen: str,
    make_network: MakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, {"eager": 3.0, "packed": 1.0, "onnxruntime": 0.7})
    assert choose(make_network(), rows, MUCH) == (chosen, [])
    assert clock.built == built


def test_a_slower_contender_loses(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, {"eager": 3.0, "packed": 1.0, "onnxruntime": 0.99})
    assert choose(make_network(), 1000, MUCH)[0] == "packed"


def test_a_disturbed_trial_does_not_decide(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, {"eager": 3.0, "packed": 1.0, "onnxruntime": 0.7})
    disturbed = iter([0.1, 0.5, 0.1, 0.07, 0.1, 0.07])
    monkeypatch.setattr(choice_file, "_seconds", lambda engine, inputs: next(disturbed))
    assert choose(make_network(), 1000, MUCH)[0] == "onnxruntime"


def test_long_batches_are_timed_once(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, {"eager": 3.0, "packed": 1.0, "onnxruntime": 0.7})
    once = iter([1.0, 0.7])
    monkeypatch.setattr(choice_file, "_seconds", lambda engine, inputs: next(once))
    assert choose(make_network(), 1000, MUCH)[0] == "onnxruntime"


def test_broken_engines_are_passed_over_and_told(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, {"eager": 3.0, "folded": 1.0})
    name, notes = choose(make_network(), 1000, MUCH)
    assert name == "folded"
    assert [note.split("'")[1] for note in notes] == ["packed", "onnxruntime"]


def test_few_batches_of_large_pictures_are_not_tried_for_long(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than forty batches: a trial of eight would be no small share of them."""
    clock = Clock(monkeypatch, {"eager": 3.0, "packed": 1.0, "onnxruntime": 0.1})
    assert choose(make_network(), 79, Work(1e14, 1))[0] == "packed"
    assert clock.built == ["packed"]


def test_the_real_race_ends_with_a_sound_engine(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, inputs = make_network(), torch.randn(2, 3, 32, 32)
    names = ("eager", "folded", "packed")
    monkeypatch.setattr(choice_file, "available", lambda device: names)
    monkeypatch.setattr(choice_file, "WORTH_TRYING", {"folded": {"cpu": 0.0}})
    engine = fastest(network.backbone, inputs, 100, MUCH, pytest.fail)
    assert engine.name in names
    with torch.no_grad():
        expected = network.backbone(inputs)
    assert torch.allclose(engine(inputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("working", "chosen"), [(("packed", "bfloat16"), "bfloat16"), (("packed",), "packed")]
)
def test_bfloat16_is_taken_where_it_is_asked_for(
    working: tuple[str, ...],
    chosen: str,
    make_network: MakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, dict.fromkeys(working, 1.0))
    notes: list[str] = []
    numbers = ("float32", "bfloat16")
    backbone = make_network().backbone
    assert fastest(backbone, INPUTS, 20, MUCH, notes.append, numbers).name == chosen
    assert clock.built == ["bfloat16", "packed"][: 1 + (chosen == "packed")]
    assert len(notes) == (chosen == "packed")
