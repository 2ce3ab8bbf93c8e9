"""The engines: one frozen prefix, several ways to compute it, and the check that they agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from graft.device import has_bfloat16
from graft.engines import onnx
from graft.engines.failure import EngineFailed
from graft.engines.fold import fold, in_place
from graft.engines.pack import can_pack, pack
from graft.engines.trace import trace
from graft.errors import ResourceError, unknown_name
from graft.memory import ran_out

Run = Callable[[Tensor], Tensor]
AUTO = "auto"
CHECKED_ROWS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What an engine is, before there is a prefix.

    Attributes:
        build: Prefix and a batch of the size that it will always get, to what computes it.
        devices: Types of device that it runs on.
        slower: The engine that takes over where this one fails.
        tolerance: Largest difference from eager, relative to the largest value.
        number: The type that it computes in.
    """

    build: Callable[[nn.Module, Tensor], Run]
    devices: tuple[str, ...]
    slower: str = "folded"
    tolerance: float = 1e-3
    number: str = "float32"


@dataclass(frozen=True, slots=True)
class Engine:
    """A prefix, ready to run batches of one size.

    Attributes:
        name: In `ENGINES`.
        run: (B, ...) inputs to (B, ...) float32 outputs on the inputs' device.
    """

    name: str
    run: Run

    def __call__(self, inputs: Tensor) -> Tensor:
        """The outputs, without gradients."""
        with torch.inference_mode():
            return self.run(inputs).float()


def _eager(prefix: nn.Module, inputs: Tensor) -> Run:  # noqa: ARG001 - the table's signature
    def run(batch: Tensor) -> Tensor:
        output: Tensor = prefix(batch)
        return output

    return run


def _folded(prefix: nn.Module, inputs: Tensor) -> Run:
    return _channels_last(in_place(fold(trace(prefix, inputs))))


def _packed(prefix: nn.Module, inputs: Tensor) -> Run:
    return _channels_last(pack(fold(trace(prefix, inputs))))


def _onnxruntime(prefix: nn.Module, inputs: Tensor) -> Run:
    return onnx.build_session(fold(trace(prefix, inputs)), inputs)


def _half(prefix: nn.Module, inputs: Tensor) -> Run:
    return _in_16_bits(prefix, inputs, torch.float16)


def _bfloat16(prefix: nn.Module, inputs: Tensor) -> Run:
    return _in_16_bits(prefix, inputs, torch.bfloat16)


def _in_16_bits(prefix: nn.Module, inputs: Tensor, dtype: torch.dtype) -> Run:
    # Recorded under autocast, so that the graph holds the casts and 16-bit weights as constants.
    with torch.autocast(inputs.device.type, dtype=dtype, cache_enabled=False):
        graph = trace(prefix, inputs)
    return _channels_last(in_place(fold(graph)))


def _compiled(prefix: nn.Module, inputs: Tensor) -> Run:
    return _channels_last(torch.compile(fold(trace(prefix, inputs)), dynamic=False))


def _channels_last(graph: Callable[[Tensor], Tensor] | GraphModule) -> Run:
    def run(batch: Tensor) -> Tensor:
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        output: Tensor = graph(batch)
        return output

    return run


ENGINES: Mapping[str, Kind] = MappingProxyType(
    {
        "eager": Kind(_eager, ("cpu", "cuda", "mps"), slower=""),
        "folded": Kind(_folded, ("cpu", "cuda", "mps"), slower="eager"),
        "packed": Kind(_packed, ("cpu",)),
        "onnxruntime": Kind(_onnxruntime, ("cpu",), slower="packed"),
        "half": Kind(_half, ("cuda",), tolerance=1e-2, number="float16"),
        # Numbers of eight binary digits.
        "bfloat16": Kind(_bfloat16, ("cpu",), "packed", tolerance=2e-2, number="bfloat16"),
        "compiled": Kind(_compiled, ("cpu", "cuda")),
    }
)


def available(device: torch.device) -> tuple[str, ...]:
    """Names of the engines that this machine can run.

    >>> available(torch.device("cpu"))[:2]
    ('eager', 'folded')
    """
    present: dict[str, Callable[[], bool]] = {
        "packed": can_pack,
        "onnxruntime": onnx.installed,
        "bfloat16": partial(has_bfloat16, device),
    }
    return tuple(
        name
        for name, kind in ENGINES.items()
        if device.type in kind.devices and (name not in present or present[name]())
    )


def check_engine(name: str, device: torch.device) -> None:
    """Whether an engine can be asked for.

    Raises:
        UnknownNameError: There is none of this name.
        ResourceError: It does not run on this machine.
    """
    if name not in (AUTO, *ENGINES):
        raise unknown_name("engine", name, (AUTO, *ENGINES))
    if name != AUTO and name not in available(device):
        hint = "install graft-learn[onnx], or " if name == "onnxruntime" else ""
        raise ResourceError(
            f"The engine '{name}' does not run here on the device '{device.type}'",
            allowed=", ".join((AUTO, *available(device))),
            next=f"{hint}leave --engine out to take the fastest",
        )


def identity(name: str, device: torch.device) -> str:
    """What computes the values, for the bank's key and the result.

    >>> identity("eager", torch.device("cpu"))
    'torch-eager-cpu-float32'
    """
    number = ENGINES[name].number
    if name == "onnxruntime":
        return f"onnxruntime-{version('onnxruntime')}-{device.type}-{number}"
    return f"torch-{name}-{device.type}-{number}"


def sound(name: str, prefix: nn.Module, inputs: Tensor) -> Engine:
    """Build an engine and compare it with eager on the first rows of a real batch.

    Args:
        name: In `ENGINES`.
        prefix: Pictures to activations; frozen, and left as it is.
        inputs: (B, ...) a batch of the size that every other one has too.

    Raises:
        EngineFailed: It cannot be built or run, or its answers differ.
    """
    if name == "eager":
        return Engine(name, _eager(prefix, inputs))
    rows = min(CHECKED_ROWS, len(inputs))
    with torch.inference_mode():
        expected = prefix(inputs[:rows])
    try:
        engine = Engine(name, ENGINES[name].build(prefix, inputs))
        found = engine(inputs)
    except EngineFailed:
        raise
    except Exception as problem:  # what a compiler or a runtime raises, eager does not
        if ran_out(problem):
            raise
        raise EngineFailed("it does not run", problem) from problem
    _compare(found, expected, len(inputs), ENGINES[name].tolerance)
    return engine


def _compare(found: Tensor, expected: Tensor, batch: int, tolerance: float) -> None:
    per_row, rest = divmod(len(found), batch)
    checked = found[: len(expected)]
    if rest or per_row == 0 or checked.shape != expected.shape:
        raise EngineFailed("its outputs have another shape")
    if not bool(torch.isfinite(found).all()):
        raise EngineFailed("its outputs are not finite")
    scale = max(float(expected.abs().max()), torch.finfo(torch.float32).tiny)
    difference = float((checked - expected).abs().max()) / scale
    if not difference <= tolerance:
        raise EngineFailed(f"its outputs differ from eager ones by {difference:.1e}")
