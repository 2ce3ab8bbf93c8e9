"""How long threads stay awake at a layer's end, where one waits for the others.

A thread that spins goes on at once, one that sleeps must be woken: on two free processors the steps
of a dense head take a fifth longer with sleeping threads. Where another process wants the
processors, spinning threads take its time and their own: the same two runs at once then take two
and a half times as long.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "GOMP_SPINCOUNT"
POLICIES = (VARIABLE, "OMP_WAIT_POLICY")
SPINS = {True: "300000", False: "1000"}
"""Rounds of waiting awake, by whether the processors are free: the library's own default, and
about 15 microseconds, which busy processors do not notice."""
LOAD = Path("/proc/loadavg")


def choose_waiting(environment: MutableMapping[str, str], load: Path = LOAD) -> None:
    """Set how long threads stay awake, unless the user did; read when PyTorch is loaded.

    Args:
        environment: The process's variables.
        load: Linux's file of what runs; without it the processors count as busy.
    """
    if not any(name in environment for name in POLICIES):
        environment[VARIABLE] = SPINS[_free(load)]


def _free(load: Path) -> bool:
    """Whether this is the only thread of the machine that runs now.

    The file's fourth field counts what runs or waits for a processor, this process among it.
    """
    try:
        running = load.read_text().split()[3].split("/")[0]
        return int(running) <= 1
    except (OSError, IndexError, ValueError):  # another system, or another format
        return False
