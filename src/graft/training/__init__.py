"""Running a stage: the loop, its optimizer, its history."""

from graft.training.history import History
from graft.training.optimizer import OPTIMIZERS
from graft.training.options import TrainingOptions
from graft.training.records import PhaseRecord
from graft.training.schedule import SCHEDULES, choose_schedule
from graft.training.stage import StageRunner

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "History",
    "PhaseRecord",
    "StageRunner",
    "TrainingOptions",
    "choose_schedule",
]
