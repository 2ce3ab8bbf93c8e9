"""Every way of saying that memory ran out is understood, and nothing else is."""

from __future__ import annotations

import pytest
import torch

from graft.engines import OutOfMemory, memory_watched
from graft.errors import ResourceError


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("could not create a primitive"),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
    ],
)
def test_memory_errors(problem: Exception) -> None:
    with pytest.raises(OutOfMemory), memory_watched():
        raise problem


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_watched():
        raise RuntimeError("shapes do not match")


def test_a_full_disk_is_not_memory() -> None:
    with pytest.raises(ResourceError), memory_watched():
        raise ResourceError("The disk is full")


def test_a_real_allocation_that_cannot_be_made() -> None:
    with pytest.raises(OutOfMemory), memory_watched():
        torch.empty(2**50, dtype=torch.uint8)
