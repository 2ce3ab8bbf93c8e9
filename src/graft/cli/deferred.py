"""PyTorch's compiler, loaded when something compiles and not before.

timm needs torchvision, which asks the compiler's package one question for a layer that graft never
uses; the optimizers ask it whether they are being compiled. Loading it for that costs a command
two seconds of processor time, as much as PyTorch itself. So in a process that belongs to the
command line, and in no other, a stand-in answers what such code asks of a compiler that is not
running. It gives way to the package itself at the first question that it does not know.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType

COMPILER = "torch._dynamo"
HELPERS = f"{COMPILER}.utils"


class StandIn(ModuleType):
    """Stands in for a module until it is asked for anything that it does not know.

    Args:
        name: The module's.
        known: What can be told without loading it.
    """

    def __init__(self, name: str, known: Mapping[str, object]) -> None:
        super().__init__(name)
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> object:
        # Submodules of a package are found by its path: the question is the import of one.
        if name.startswith("__") and not (name == "__path__" and self.__name__ == COMPILER):
            raise AttributeError(name)
        return getattr(load(self.__name__), name)


def load(name: str) -> ModuleType:
    """The module itself, in the stand-ins' place."""
    for stood_in in (COMPILER, HELPERS):
        if isinstance(sys.modules.get(stood_in), StandIn):
            del sys.modules[stood_in]
    return import_module(name)


def defer_compiler() -> None:
    """Put the stand-ins in their places, unless PyTorch or its compiler is loaded already."""
    if {"torch", COMPILER} & sys.modules.keys():
        return
    sys.modules[HELPERS] = StandIn(HELPERS, _HELPERS)
    sys.modules[COMPILER] = StandIn(COMPILER, {**_COMPILER, "utils": sys.modules[HELPERS]})


def _disable(
    function: Callable[..., object],
    recursive: bool = True,  # noqa: ARG001 - the compiler's own arguments
    **options: object,  # noqa: ARG001
) -> Callable[..., object]:
    """A function that the compiler leaves alone: while none runs, the function."""
    return function


def _graph_break(_message: str = "") -> None:
    """Ends a compiled graph, where there is one."""


def _is_compile_supported(device: str) -> bool:
    found: bool = load(HELPERS).is_compile_supported(device)
    return found


_COMPILER = MappingProxyType({"disable": _disable, "graph_break": _graph_break})
_HELPERS = MappingProxyType({"is_compile_supported": _is_compile_supported})
