"""What is minimised. An objective turns (model, batch) into named losses."""

from graft.objectives.base import Objective
from graft.objectives.classification import CLASS_WEIGHTS, Classification, class_weights

__all__ = ["CLASS_WEIGHTS", "Classification", "Objective", "class_weights"]
