"""What the machine offers: device, threads and the precision that pays on it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from graft.errors import ResourceError, UnknownNameError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str = "auto") -> torch.device:
    """The device to run on: the named one, or the best that answers.

    Raises:
        UnknownNameError: The name is no device's.
        ResourceError: The named device does not answer on this machine.
    """
    import torch

    kind, colon, number = name.partition(":")
    if kind not in DEVICES or (colon and (kind == "auto" or not number.isdecimal())):
        raise UnknownNameError(
            f"There is no device named '{name}'",
            allowed=", ".join(DEVICES),
            next="leave --device out to take the best one",
        )
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if kind == "auto":
        kind = name = next(k for k in ("cuda", "mps", "cpu") if present[k])
    if not present[kind] or (kind == "cuda" and int(number or 0) >= torch.cuda.device_count()):
        raise ResourceError(
            f"The device '{name}' does not answer on this machine",
            allowed=", ".join(k for k, there in present.items() if there),
            next="leave --device out to take the best one",
        )
    return torch.device(name)


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is faster than float32 here, or None.

    Only GPUs with bfloat16 tensor cores (compute capability 8 and later) are given one. A CPU
    without bfloat16 instructions emulates them, hundreds of times slower than float32.
    """
    import torch

    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8:
        return torch.bfloat16
    return None


def precision(device: torch.device) -> AbstractContextManager[object]:
    """The context to train in: mixed precision where the hardware gains from it."""
    import torch

    dtype = half_precision(device)
    return torch.autocast(device.type, dtype=dtype) if dtype else nullcontext()


def training_precision(device: torch.device) -> str:
    """The type of the forward pass in gradient training.

    >>> import torch
    >>> training_precision(torch.device("cpu"))
    'float32'
    """
    return str(half_precision(device) or "float32").removeprefix("torch.")
