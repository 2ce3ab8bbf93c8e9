"""Devices: the named one or a clear answer; mixed precision only where hardware gains."""

from __future__ import annotations

import pytest
import torch

from graft.device import half_precision, pick_device, precision, training_precision
from graft.errors import ResourceError, UnknownNameError


def test_the_processor_is_always_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")


def test_auto_takes_what_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device().type == "cuda"
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ResourceError, match="'cuda:2' does not answer"):
        pick_device("cuda:2")


def test_a_device_that_does_not_answer_is_told_with_those_that_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError) as caught:
        pick_device("cuda:1")
    assert "'cuda:1'" in caught.value.found
    assert "cpu" in caught.value.allowed
    assert "cuda" not in caught.value.allowed


@pytest.mark.parametrize("name", ["gpu", "", "cpu:", "cpu:one", "CPU", "cuda:-1", "auto:3"])
def test_an_unknown_device_is_answered_with_the_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UnknownNameError) as caught:
        pick_device(name)
    assert caught.value.allowed == "auto, cpu, cuda, mps"


@pytest.mark.parametrize(("capability", "expected"), [((8, 0), torch.bfloat16), ((7, 5), None)])
def test_bfloat16_needs_tensor_cores(
    capability: tuple[int, int], expected: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert half_precision(torch.device("cuda")) == expected
    name = "bfloat16" if expected else "float32"
    assert training_precision(torch.device("cuda")) == name


def test_a_processor_computes_in_float32() -> None:
    with precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
