"""Devices: the named one or a clear answer; mixed precision only where hardware gains."""

from __future__ import annotations

import pytest
import torch

from graft import device as device_file
from graft.device import (
    check_precision,
    frozen_precisions,
    half_precision,
    has_bfloat16,
    pick_device,
    precision,
    training_precision,
)
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


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"avx512_bf16": True, "avx512_vnni": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": False, "avx512_vnni": True}, False),
        ({}, False),
    ],
)
def test_a_processor_has_bfloat16_where_its_instructions_say_so(
    told: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert has_bfloat16(torch.device("cpu")) == expected
    assert not has_bfloat16(torch.device("mps"))


def test_bfloat16_on_a_processor_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_file, "has_bfloat16", lambda device: True)
    cpu = torch.device("cpu")
    assert training_precision(cpu) == training_precision(cpu, "float32") == "float32"
    assert frozen_precisions(cpu) == frozen_precisions(cpu, "float32") == ("float32",)
    assert training_precision(cpu, "bfloat16") == "bfloat16"
    assert frozen_precisions(cpu, "bfloat16") == ("float32", "bfloat16")
    with precision(cpu, "bfloat16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_a_gpu_can_be_kept_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    gpu = torch.device("cuda")
    assert training_precision(gpu) == "bfloat16"
    assert training_precision(gpu, "float32") == "float32"
    assert frozen_precisions(gpu) == ("float32", "float16")
    assert frozen_precisions(gpu, "float32") == ("float32",)


def test_a_precision_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_file, "has_bfloat16", lambda device: False)
    check_precision("auto", torch.device("cpu"))
    with pytest.raises(ResourceError, match="no instructions for bfloat16"):
        check_precision("bfloat16", torch.device("cpu"))
    with pytest.raises(UnknownNameError) as caught:
        check_precision("float16", torch.device("cpu"))
    assert caught.value.allowed == "auto, float32, bfloat16"
