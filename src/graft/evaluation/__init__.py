"""Honest figures: metrics equal to scikit-learn's, intervals, tables and baselines.

Shapes: N rows, C classes. Probabilities are (N, C) with rows that sum to one; targets are class
indices (N,). Every figure can be had with a 95 % interval.
"""

from graft.evaluation.baselines import knn, majority, raw_pixels, small_pictures
from graft.evaluation.calibration import ReliabilityBin, reliability
from graft.evaluation.evaluate import Evaluation, evaluate
from graft.evaluation.intervals import bootstrap, paired_difference
from graft.evaluation.metrics import METRICS, accuracy, balanced_accuracy, ece, log_loss, macro_f1
from graft.evaluation.tables import ClassRow, confusion, per_class, wrongest
from graft.evaluation.transfer import TransferVerdict, transfer_verdict

__all__ = [
    "METRICS",
    "ClassRow",
    "Evaluation",
    "ReliabilityBin",
    "TransferVerdict",
    "accuracy",
    "balanced_accuracy",
    "bootstrap",
    "confusion",
    "ece",
    "evaluate",
    "knn",
    "log_loss",
    "macro_f1",
    "majority",
    "paired_difference",
    "per_class",
    "raw_pixels",
    "reliability",
    "small_pictures",
    "transfer_verdict",
    "wrongest",
]
