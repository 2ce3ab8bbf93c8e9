"""Choosing: backbones ranked without training, frozen depth, and the search under a budget."""

from graft.selection.budget import parse_budget
from graft.selection.carry_out import carry_out
from graft.selection.compare import run_compared
from graft.selection.depth import DepthCurve, depth_curve
from graft.selection.plain import curve_where_cheap
from graft.selection.ranking import Candidate, Ranking, rank_backbones
from graft.selection.search import search

__all__ = [
    "Candidate",
    "DepthCurve",
    "Ranking",
    "carry_out",
    "curve_where_cheap",
    "depth_curve",
    "parse_budget",
    "rank_backbones",
    "run_compared",
    "search",
]
