"""What is minimised. An objective turns (model, batch) into named losses."""

from graft.objectives.balance import BALANCES, build_several
from graft.objectives.base import Known, Objective
from graft.objectives.build import LossSettings, build_objective, output_units
from graft.objectives.classification import CLASS_WEIGHTS, Classification, class_weights
from graft.objectives.contrast import Contrasted
from graft.objectives.focal import LOSSES, parse_loss
from graft.objectives.multi_label import MultiLabel, positive_weights
from graft.objectives.ordinal import Ordinal
from graft.objectives.regression import REGRESSION_LOSSES, Regression, scale_of
from graft.objectives.several import Several

__all__ = [
    "BALANCES",
    "CLASS_WEIGHTS",
    "LOSSES",
    "REGRESSION_LOSSES",
    "Classification",
    "Contrasted",
    "Known",
    "LossSettings",
    "MultiLabel",
    "Objective",
    "Ordinal",
    "Regression",
    "Several",
    "build_objective",
    "build_several",
    "class_weights",
    "output_units",
    "parse_loss",
    "positive_weights",
    "scale_of",
]
