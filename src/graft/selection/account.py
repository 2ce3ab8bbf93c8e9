"""What the result says of a search: what was tried, what it cost, and why the winner won."""

from __future__ import annotations

from collections.abc import Sequence

from graft.selection.budget import Budget
from graft.selection.ranking import Candidate, Ranking
from graft.selection.trial import Trial, Trials
from graft.types import Interval, Json


def account(
    ranking: Ranking,
    trials: Trials,
    budget: Budget,
    winner: Trial | None,
    probes: Sequence[Trial],
) -> Json:
    """The part `search` of the result.

    Args:
        ranking: The backbones.
        trials: Every trial.
        budget: Of the time.
        winner: None while the search goes on.
        probes: The trials of the probes, the first result first.
    """
    return {
        "finished": winner is not None,
        "budget_seconds": budget.seconds,
        "spent_seconds": round(budget.spent(), 3),
        "ranking": ranking.to_dict(),
        "tried": [trial.to_dict() for trial in trials.done],
        "winner": winner.choice.to_dict() if winner else None,
        "why": winner_line(winner, probes[0]) if winner and probes else "",
    }


def first_line(candidate: Candidate, probe: Trial, seconds: float) -> str:
    """The first result in a sentence."""
    neighbours = shown(candidate.scores.knn)
    linear = shown(probe.evidence.accuracy) if probe.evidence else shown(candidate.scores.ridge)
    return (
        f"First result after {seconds:.1f} s with {candidate.backbone}: kNN {neighbours}, "
        f"linear probe {linear} on held-out rows."
    )


def winner_line(winner: Trial, first: Trial) -> str:
    """Why the winner won, in a sentence."""
    if winner.choice == first.choice:
        return f"{winner.choice.shown()}: no other choice did better than the first result."
    if winner.evidence is None or first.evidence is None:
        return f"{winner.choice.shown()} won on folds of the training and validation rows."
    return (
        f"{winner.choice.shown()}: {shown(winner.evidence.accuracy)} of the validation rows "
        f"against {shown(first.evidence.accuracy)} of the first result, {first.choice.shown()}."
    )


def shown(figure: Interval) -> str:
    """A share with its interval, in per cent.

    >>> shown(Interval(0.5, 0.4, 0.6))
    '50.0 % (40.0 to 60.0)'
    """
    return f"{100 * figure.value:.1f} % ({100 * figure.low:.1f} to {100 * figure.high:.1f})"
