"""Which weights move, and how. Adding a strategy: one file, one line in `STRATEGIES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from graft.errors import UnknownNameError, unknown_name
from graft.strategies.base import Phase, Solver, Strategy
from graft.strategies.full import Full
from graft.strategies.head import Head
from graft.strategies.linear_probe import LinearProbe
from graft.strategies.lp_ft import LinearProbeThenFineTune
from graft.strategies.top_k import TopK

__all__ = ["STRATEGIES", "Phase", "Solver", "Strategy", "build_strategy"]

STRATEGIES: Mapping[str, Callable[[], Strategy]] = MappingProxyType(
    {
        "linear-probe": LinearProbe,
        "head": Head,
        "full": Full,
        "top-k": TopK,
        "lp-ft": LinearProbeThenFineTune,
    }
)


def build_strategy(spec: str) -> Strategy:
    """The strategy of a name, with its setting after a colon where it has one.

    >>> build_strategy("top-k:2")
    TopK(k=2)

    Raises:
        UnknownNameError: No such strategy, or a setting that it does not take.
    """
    name, _, setting = spec.partition(":")
    if name not in STRATEGIES:
        raise unknown_name("strategy", name, STRATEGIES)
    if not setting:
        return STRATEGIES[name]()
    if name != "top-k" or not setting.isdecimal():
        raise UnknownNameError(
            f"The strategy '{spec}' has a setting that it does not take",
            allowed=f"{', '.join(STRATEGIES)}; top-k takes a number of blocks, as in top-k:2",
            next=f"use '{name}'",
        )
    return TopK(int(setting))
