"""What the result says of a search: what was tried, what it cost, and why the winner won."""

from __future__ import annotations

from collections.abc import Sequence

from graft.selection.budget import Budget
from graft.selection.grid import FAVOURITE
from graft.selection.ranking import Candidate, Ranking
from graft.selection.trial import Trial, Trials, likely
from graft.tasks.several import chosen_by
from graft.types import Interval, Json

UNTOLD = " These rows do not tell the two apart"
GUESS = "; without them, fine-tuning from a probe is the best single guess"


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
        "metric": chosen_by(ranking.tasks),
        "ranking": ranking.to_dict(),
        "recalled": sum(trial.recalled for trial in trials.done),
        "tried": [trial.to_dict() for trial in trials.done],
        "winner": winner.choice.to_dict() if winner else None,
        "why": winner_line(winner, probes[0], chosen_by(ranking.tasks))
        if winner and probes
        else "",
    }


def first_figures(candidate: Candidate, metric: str, seconds: float) -> str:
    """What frozen features are worth, in a sentence, before anything is trained."""
    figures = (shown(figure, metric) for figure in (candidate.scores.knn, candidate.scores.ridge))
    neighbours, ridge = figures
    return (
        f"First figures after {seconds:.1f} s with {candidate.backbone}: {metric} of kNN "
        f"{neighbours}, of ridge regression {ridge}, every row judged without itself."
    )


def first_model(probe: Trial, metric: str, seconds: float) -> str:
    """The first model in a sentence."""
    found = f"{metric} {shown(probe.evidence.score, metric)}" if probe.evidence else "not judged"
    return f"First model after {seconds:.1f} s, {probe.choice.shown()}: {found} on held-out rows."


def winner_line(winner: Trial, first: Trial, metric: str) -> str:
    """Why the winner won, in a sentence."""
    if winner.choice == first.choice:
        figure = f" ({metric} {shown(winner.evidence.score, metric)})" if winner.evidence else ""
        return f"{winner.choice.shown()}: nothing else beat the first result{figure}."
    if winner.evidence is None or first.evidence is None:
        return f"{winner.choice.shown()} was trained last; there are no held-out rows."
    reached = shown(winner.evidence.score, metric)
    untold = UNTOLD + (GUESS if winner.choice.strategy == FAVOURITE else "") + "."
    alike = winner.folds == first.folds and not likely(winner, first)
    return (
        f"{winner.choice.shown()}: {metric} {reached} on held-out rows against "
        f"{shown(first.evidence.score, metric)} of the first result, {first.choice.shown()}."
        + (untold if alike else "")
    )


def shown(figure: Interval, metric: str) -> str:
    """A figure with its interval, accuracy in per cent.

    >>> shown(Interval(0.5, 0.4, 0.6), "accuracy"), shown(Interval(0.5, 0.4, 0.6), "r2")
    ('50.0 % (40.0 to 60.0)', '0.500 (0.400 to 0.600)')
    """
    if metric != "accuracy":
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
    return f"{100 * figure.value:.1f} % ({100 * figure.low:.1f} to {100 * figure.high:.1f})"
