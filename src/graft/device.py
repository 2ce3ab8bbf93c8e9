"""What the machine offers: device, threads and the precision that pays on it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from graft.errors import ResourceError, UnknownNameError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


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


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies in bfloat16.

    GPUs of compute capability 8 and later do, and CPUs with AVX-512-BF16, AMX or Arm's BF16
    instructions. Any other CPU emulates them, hundreds of times slower than float32.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    # PyTorch 2.11 may not tell yet.
    told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(there for name, there in told.items() if "bf16" in name)


def check_precision(name: str, device: torch.device) -> None:
    """Whether a precision can be asked for.

    Raises:
        UnknownNameError: There is none of this name.
        ResourceError: The device has no instructions for it.
    """
    if name not in PRECISIONS:
        raise UnknownNameError(
            f"There is no precision named '{name}'",
            allowed=", ".join(PRECISIONS),
            next="leave --precision out to take the one that suits the device",
        )
    if name == "bfloat16" and not has_bfloat16(device):
        raise ResourceError(
            f"The device '{device.type}' has no instructions for bfloat16",
            allowed="auto, float32",
            next="leave --precision out: emulated, bfloat16 would be far slower than float32",
        )


def half_precision(device: torch.device, wanted: str = "auto") -> torch.dtype | None:
    """The 16-bit type of gradient training, or None for float32.

    On GPUs `auto` is bfloat16 where they have it. On CPUs it is float32: what bfloat16 gains there
    is less, and a user who wants it asks for it.

    Args:
        device: Where the training runs.
        wanted: In `PRECISIONS`; see `check_precision`.
    """
    import torch

    if wanted == "bfloat16":
        return torch.bfloat16
    if wanted == "auto" and device.type == "cuda" and has_bfloat16(device):
        return torch.bfloat16
    return None


def precision(device: torch.device, wanted: str = "auto") -> AbstractContextManager[object]:
    """The context to train in; see `half_precision`."""
    import torch

    dtype = half_precision(device, wanted)
    return torch.autocast(device.type, dtype=dtype) if dtype else nullcontext()


def training_precision(device: torch.device, wanted: str = "auto") -> str:
    """The type of the forward pass in gradient training.

    >>> import torch
    >>> training_precision(torch.device("cpu"))
    'float32'
    """
    return str(half_precision(device, wanted) or "float32").removeprefix("torch.")


def frozen_precisions(device: torch.device, wanted: str = "auto") -> tuple[str, ...]:
    """The types in which the engine of frozen blocks may compute.

    >>> import torch
    >>> frozen_precisions(torch.device("cpu"))
    ('float32',)
    """
    if wanted == "float32":
        return ("float32",)
    if device.type == "cuda":
        return ("float32", "float16")
    return ("float32", "bfloat16") if wanted == "bfloat16" else ("float32",)
