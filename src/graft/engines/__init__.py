"""Engines: the fastest way that a machine offers to compute a frozen prefix, checked."""

from graft.engines.choice import DEAR, fastest, first_sound
from graft.engines.engine import AUTO, ENGINES, Engine, available, check_engine, identity
from graft.engines.failure import EngineFailed, OutOfMemory, memory_watched
from graft.engines.work import LARGEST_BATCH, Work, fitting_batch, work_of

__all__ = [
    "AUTO",
    "DEAR",
    "ENGINES",
    "LARGEST_BATCH",
    "Engine",
    "EngineFailed",
    "OutOfMemory",
    "Work",
    "available",
    "check_engine",
    "fastest",
    "first_sound",
    "fitting_batch",
    "identity",
    "memory_watched",
    "work_of",
]
