"""Closed-form and convex heads: arrays in, arrays out; exact, deterministic, no epochs.

Shapes: N rows, D features, C classes. Features are real matrices (N, D); targets are class
indices 0 ... C-1, or matrices (N, L) of labels or (N, K) of quantities. A head that was fitted is
a value with `.logits(features) -> (N, C)`.
"""

from graft.closedform.hscore import h_score
from graft.closedform.lda import fit_lda
from graft.closedform.linear import LinearSolution, log_softmax, softmax
from graft.closedform.logistic import fit_logistic
from graft.closedform.logme import logme, logme_of_columns
from graft.closedform.means import NearestMean, fit_nearest_mean
from graft.closedform.neighbours import knn_leave_one_out, knn_means, knn_probabilities
from graft.closedform.one_vs_rest import fit_one_vs_rest
from graft.closedform.ordered import OrderedProblem, fit_ordered
from graft.closedform.probe import ProbeSolution, fit_probe
from graft.closedform.quantities import fit_quantities, quantities_left_out
from graft.closedform.ridge import RidgePath, fit_ridge
from graft.closedform.statistics import Statistics

__all__ = [
    "LinearSolution",
    "NearestMean",
    "OrderedProblem",
    "ProbeSolution",
    "RidgePath",
    "Statistics",
    "fit_lda",
    "fit_logistic",
    "fit_nearest_mean",
    "fit_one_vs_rest",
    "fit_ordered",
    "fit_probe",
    "fit_quantities",
    "fit_ridge",
    "h_score",
    "knn_leave_one_out",
    "knn_means",
    "knn_probabilities",
    "log_softmax",
    "logme",
    "logme_of_columns",
    "quantities_left_out",
    "softmax",
]
