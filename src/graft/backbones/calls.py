"""The calls of a model's modules in a forward pass: recorded, and answered in their place."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

_Forward = Callable[..., Any]
_INTERCEPTING = threading.RLock()  # one intercepted pass at a time; ordinary passes never wait


class CallsVary(Exception):  # noqa: N818
    """A model calls its modules differently for different batch sizes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module during a forward pass.

    Attributes:
        module: What is called.
        index: How many calls of this module came before.
        order: When it ended, counted over all calls.
        parents: When the calls around it began (their `begin`).
        begin: When it began.
        shape: Of the output; None where that is not one tensor.
        rows: Size of the output's first dimension per picture; 0 where that does not grow with the
            number of pictures.
    """

    module: nn.Module
    index: int
    begin: int
    order: int
    parents: tuple[int, ...]
    shape: tuple[int, ...] | None
    rows: int = 0


@contextmanager
def evaluation(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; every module's own mode again afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode


class Handler:
    """Told of every intercepted call; decides what it returns."""

    def __init__(self) -> None:
        self._counts = Counter[nn.Module]()

    def next_index(self, module: nn.Module) -> int:
        """How many calls of the module came before this one."""
        self._counts[module] += 1
        return self._counts[module] - 1

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        """What the call returns; `run` computes what it would have returned."""
        raise NotImplementedError


@contextmanager
def intercepted(modules: Iterable[nn.Module], handler: Handler) -> Iterator[None]:
    """Route the modules' forward passes in this thread through the handler; undone on exit."""
    with _INTERCEPTING:
        before = {module: module.__dict__.get("forward") for module in modules}
        owner = threading.get_ident()
        try:
            for module in before:
                module.__dict__["forward"] = _routed(module, module.forward, handler, owner)
            yield
        finally:
            for module, forward in before.items():
                if forward is None:
                    module.__dict__.pop("forward", None)
                else:
                    module.__dict__["forward"] = forward


def _routed(module: nn.Module, forward: _Forward, handler: Handler, owner: int) -> _Forward:
    def _answered(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != owner:
            return forward(*args, **kwargs)
        return handler.called(module, lambda: forward(*args, **kwargs))

    return _answered


def record(model: nn.Module, few: Tensor, many: Tensor) -> list[Call]:
    """All calls of a forward pass in evaluation mode, in the order in which they begin.

    Args:
        model: What is run, once with each batch.
        few: (2, ...) inputs.
        many: (3, ...) inputs. What grows from one batch to the other has rows per picture.

    Raises:
        CallsVary: The two passes call different modules.
    """
    first, second = _run_recorded(model, few), _run_recorded(model, many)
    if [_identity(call) for call in first] != [_identity(call) for call in second]:
        raise CallsVary
    sizes = (few.shape[0], many.shape[0])
    pairs = zip(first, second, strict=True)
    return [replace(a, rows=_rows_per_picture(a.shape, b.shape, sizes)) for a, b in pairs]


def _identity(call: Call) -> tuple[nn.Module, int, int]:
    return call.module, call.index, call.begin


def _rows_per_picture(
    few: tuple[int, ...] | None, many: tuple[int, ...] | None, sizes: tuple[int, int]
) -> int:
    if not few or not many or few[1:] != many[1:]:
        return 0
    rows, rest = divmod(few[0], sizes[0])
    return rows if rest == 0 and many[0] == rows * sizes[1] else 0


def _run_recorded(model: nn.Module, inputs: Tensor) -> list[Call]:
    recorder = _Recorder()
    with evaluation(model), torch.no_grad(), intercepted(model.modules(), recorder):
        model(inputs)
    return sorted(recorder.calls, key=lambda call: call.begin)


class _Recorder(Handler):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._open: list[int] = []
        self._begun = 0

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        index, begin, parents = self.next_index(module), self._begun, tuple(self._open)
        self._begun += 1
        self._open.append(begin)
        output = run()
        self._open.pop()
        shape = tuple(output.shape) if isinstance(output, Tensor) else None
        self.calls.append(Call(module, index, begin, len(self.calls), parents, shape))
        return output
