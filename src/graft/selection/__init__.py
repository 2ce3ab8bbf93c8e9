"""Choosing: backbones ranked without training, frozen depth, and the search under a budget."""

from graft.selection.ranking import Candidate, Ranking, rank_backbones

__all__ = ["Candidate", "Ranking", "rank_backbones"]
