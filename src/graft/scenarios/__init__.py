"""Which data and which loss arrive. Adding a scenario: one file, one line in `SCENARIOS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from graft.errors import unknown_name
from graft.scenarios.base import Problem, Scenario, Stage
from graft.scenarios.multi_task import MultiTask
from graft.scenarios.standard import Standard

__all__ = ["SCENARIOS", "Problem", "Scenario", "Stage", "build_scenario"]

SCENARIOS: Mapping[str, Callable[[], Scenario]] = MappingProxyType(
    {"standard": Standard, "multi-task": MultiTask}
)


def build_scenario(name: str) -> Scenario:
    """The scenario of a name.

    Raises:
        UnknownNameError: No such scenario.
    """
    if name not in SCENARIOS:
        raise unknown_name("scenario", name, SCENARIOS)
    return SCENARIOS[name]()
