"""What one row costs a prefix: operations and memory; and the batch that fits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

LARGEST_BATCH = 64
# Pictures that a processor takes at once gain nothing beyond this many, and where their activations
# leave its last cache they lose: MobileNetV3 at 224 computes 210 pictures a second in batches of
# 8, and 125 in batches of 64.
CPU_CACHE_BYTES = 2**25
FEWEST_ROWS = 8
# What a batch's activations may take: enough for full speed, and little beside the data.
CPU_BYTES = 2**30
SHARE_OF_MEMORY = 1 / 8
GPU_SHARE = 1 / 4
# About 150e9 operations a second of two CPU cores, over 10e9 bytes a second.
OPERATIONS_PER_BYTE = 15


@dataclass(frozen=True, slots=True)
class Work:
    """Of one row.

    Attributes:
        operations: Floating-point operations.
        bytes: The largest sum of one operation's inputs and output, without the weights.
        traffic: These sums of all operations together.
    """

    operations: float
    bytes: int
    traffic: int = 0

    @property
    def effort(self) -> float:
        """Floating-point operations, with the memory's traffic counted as so many more.

        What a light network costs is mostly its traffic: at 224 MobileNetV3 has a 19th of
        ResNet50's operations and takes a tenth of its time.
        """
        return self.operations + OPERATIONS_PER_BYTE * self.traffic


class _Memory(TorchDispatchMode):
    """Remembers the largest operation's activations, and the sum over all."""

    def __init__(self, weights: frozenset[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._weights = weights
        self.largest = self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        tensors = [a for a in (*args, output) if isinstance(a, Tensor)]
        live = {t.data_ptr(): t.nbytes for t in tensors if t.data_ptr() not in self._weights}
        size = sum(live.values())
        self.largest, self.total = max(self.largest, size), self.total + size
        return output


def work_of(prefix: nn.Module, row: Tensor) -> Work:
    """Run one row eagerly and count.

    Args:
        prefix: Frozen.
        row: (1, ...) inputs.
    """
    from torch.utils.flop_counter import FlopCounterMode  # loads Triton

    tensors = (*prefix.parameters(), *prefix.buffers())
    memory = _Memory(frozenset(tensor.data_ptr() for tensor in tensors))
    with torch.no_grad(), FlopCounterMode(display=False) as counter, memory:
        prefix(row)
    return Work(float(counter.get_total_flops()), memory.largest, memory.total)


def fitting_batch(work: Work, device: torch.device) -> int:
    """The largest power of two of rows, at most 64, whose activations fit in memory.

    On a CPU they fit into its last cache, but for the first eight rows.

    It depends on the model and on the machine's whole memory, never on what is free just now, so
    that a later run asks the bank for the same values.

    >>> fitting_batch(Work(0.0, 2**18), torch.device("cpu"))
    64
    >>> fitting_batch(Work(0.0, 2**22), torch.device("cpu"))
    8
    """
    # A shortcut is still alive beside the largest operation.
    wanted = max(1, work.bytes + work.bytes // 2)
    rows = min(LARGEST_BATCH, int(_budget(device) // wanted))
    if device.type == "cpu":
        rows = min(rows, max(FEWEST_ROWS, CPU_CACHE_BYTES // max(1, work.bytes)))
    rows = max(1, rows)
    return 1 << (rows.bit_length() - 1)


def _budget(device: torch.device) -> float:
    if device.type == "cuda":
        return GPU_SHARE * float(torch.cuda.get_device_properties(device).total_memory)
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        return CPU_BYTES
    return min(CPU_BYTES, SHARE_OF_MEMORY * total)
