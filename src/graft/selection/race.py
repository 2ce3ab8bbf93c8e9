"""The race: the favourite in full, its rivals briefly, and in full those that may overtake it.

Source: successive halving as in Jamieson and Talwalkar (2016), "Non-stochastic Best Arm
Identification and Hyperparameter Optimization", section 3, with one short rung and a favourite that
needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.selection.grid import Choice
from graft.selection.keeper import Keeper, better
from graft.selection.ranking import Candidate
from graft.selection.speed import PASSES_PER_STEP
from graft.selection.trial import SPENT, STANDARD, Trial, Trials, order
from graft.training.stage import usual_epochs

# Share of the epochs that tells which rival is worth all of them.
SHORT = 1 / 4
FEWEST_TRIAL_EPOCHS = 2
# Of the favourite's epochs there are at least so many, and of the time left it takes so much.
FEWEST_SHARE, SAFE = 0.3, 0.8


@dataclass(slots=True)
class Race:
    """The choices that train blocks against the probes and each other.

    Attributes:
        trials: Runs them.
        keeper: Gets every model that was trained on the run's own parts.
        costs: The scored backbones, for predictions.
        eligible_probes: Whether a probe may win; not where the user named another strategy.
        few: Whether the validation part is so small that the favourite is trusted without proof.
    """

    trials: Trials
    keeper: Keeper
    costs: dict[str, Candidate]
    eligible_probes: bool
    few: bool

    def run(self, probes: Sequence[Trial], choices: Sequence[Choice]) -> None:
        """Race to the end, or until nothing can win, or until the budget is spent.

        Args:
            probes: Trials of the probes on the run's own parts.
            choices: The contenders, the favourite first.
        """
        where = STANDARD if self._validation() else (0,)
        known = [self._judged(probe, where) for probe in probes if self.eligible_probes]
        leader = min((t for t in known if t.evidence), key=order, default=None)
        contenders = [*choices]
        if contenders and not _perfect(leader):
            first = contenders.pop(0)
            favourite = self._try(first, self.affordable(first, where), where)
            leader = self._ahead(favourite, leader, trusted=self.few)
            if self.few and known:  # rates of a strategy that the user named are all tried
                worth = worth_their_cost(contenders, favourite)
                self._drop([c for c in contenders if c not in worth], _untold(favourite))
                contenders = worth
        if leader is not None and _perfect(leader):
            reason = f"not tried: {leader.choice.shown()} gets every held-out row right"
            self._drop(contenders, reason)
            contenders = []
        rung = [self._try(choice, SHORT, where) for choice in contenders]
        for rival in leave(rung, leader, len({choice.backbone for choice in choices})):
            trial = self._try(rival.choice, 1.0, where)
            leader = self._ahead(trial, leader)
        if leader is not None and leader not in known and where:
            self._carry_out(leader)

    def affordable(self, choice: Choice, folds: tuple[int, ...]) -> float:
        """The share of the epochs for which there is time; all of them where that is too little.

        Of epochs that the user named there are as many, or none. Fewer than all, at the end of
        which the rate has come down, are more than nothing.
        """
        if self.trials.base.epochs is not None:
            return 1.0
        left = SAFE * self.trials.progress.budget.left()
        share = left / max(self.predicted(choice, 1.0, folds), 1e-9)
        return share if FEWEST_SHARE <= share < 1 else 1.0

    def _validation(self) -> int:
        return len(next(iter(self.trials.prepared.values())).split.validation)

    def _judged(self, probe: Trial, folds: tuple[int, ...]) -> Trial:
        """The probe's trial, or another one on folds."""
        if not folds:
            return probe
        again = self.trials.run(probe.choice, None, folds)
        again.outcome = again.outcome or "measured beside the others"
        return again

    def _ahead(self, trial: Trial, leader: Trial | None, *, trusted: bool = False) -> Trial | None:
        """Who leads now; the keeper is told of what can be kept."""
        self.keeper.offer(trial, trusted=trusted)
        if trial.evidence is None:
            return leader
        return trial if leader is None or better(trial, leader, trusted) else leader

    def _carry_out(self, winner: Trial) -> None:
        """Train on the run's own parts what won on folds."""
        epochs = self.epochs(winner.choice, 1.0)
        known = self.trials.recall(winner.choice, epochs) is not None
        expected = 0.0 if known else self.predicted(winner.choice, 1.0, STANDARD)
        if expected > self.trials.progress.budget.left():
            winner.outcome = "won on a fold, but the budget is too small to train it"
            return
        trial = self.trials.run(winner.choice, epochs)
        if trial.trained:
            winner.outcome = "won on a fold"
            self.keeper.put(trial)

    def epochs(self, choice: Choice, share: float) -> int | None:
        """The epochs of a trial; None for the default ones, so that the recipe stays open."""
        base = self.trials.base
        if share == 1.0:
            return base.epochs
        whole = self._all_epochs(choice)
        return min(whole, max(FEWEST_TRIAL_EPOCHS, round(whole * share)))

    def predicted(self, choice: Choice, share: float, folds: tuple[int, ...]) -> float:
        """Seconds that a trial will take, from the measured speed and the last trial's pace."""
        epochs = self.epochs(choice, share) or self._all_epochs(choice)
        moving = max((choice.blocks - choice.frozen_depth) / choice.blocks, 0.05)
        cost = self.costs[choice.backbone].cost
        times = len(folds) or 1
        seconds = PASSES_PER_STEP * epochs * cost.probe_seconds(self._rows(choice)) * moving
        return seconds * times * self.trials.pace.get(choice.backbone, 1.0)

    def _rows(self, choice: Choice) -> int:
        return len(self.trials.prepared[choice.backbone].split.train)

    def _all_epochs(self, choice: Choice) -> int:
        base = self.trials.base
        steps = -(-self._rows(choice) // (base.batch_size * base.accumulate))
        return base.epochs or usual_epochs(choice.steps, steps)

    def _try(self, choice: Choice, share: float, folds: tuple[int, ...]) -> Trial:
        epochs = self.epochs(choice, share)
        known = self.trials.recall(choice, epochs, folds) is not None
        expected = 0.0 if known else self.predicted(choice, share, folds)
        left = self.trials.progress.budget.left()
        # A short trial is of no use where there is no time for the whole one after it.
        needed = expected + (self.predicted(choice, 1.0, folds) if share == SHORT else 0.0)
        if needed > left:
            trial = Trial(choice, epochs, folds)
            trial.outcome = f"not tried: about {needed:.0f} s, {max(left, 0):.0f} s left"
            self.trials.done.append(trial)
            return trial
        trial = self.trials.run(choice, epochs, folds)
        if trial.outcome != SPENT and expected > 0:
            pace = self.trials.pace.get(choice.backbone, 1.0)
            self.trials.pace[choice.backbone] = pace * trial.seconds / expected
        if share == SHORT:
            trial.attempt, trial.lost = None, False  # a short trial is no model
        return trial

    def _drop(self, choices: Sequence[Choice], reason: str) -> None:
        self.trials.done += [Trial(choice, None, STANDARD, outcome=reason) for choice in choices]


def worth_their_cost(rivals: list[Choice], favourite: Trial) -> list[Choice]:
    """Of few held-out rows: the rivals of other backbones, or all where the favourite failed.

    Other rates and depths differ by less than such rows can tell: which one was ahead would say
    nothing, and each costs what the favourite did.
    """
    if favourite.evidence is None:
        return rivals
    return [rival for rival in rivals if rival.backbone != favourite.choice.backbone]


def _untold(favourite: Trial) -> str:
    rows = 0 if favourite.evidence is None else len(favourite.evidence.gains)
    return f"not tried: {rows} held-out rows do not tell it from {favourite.choice.shown()}"


def leave(rung: Sequence[Trial], leader: Trial | None, places: int) -> list[Trial]:
    """The short trials that are worth all epochs, the best first; the others are told why not.

    A rival that has not come as far at a part of the epochs as the leader at all of them is not:
    most would not get past it, and each costs as much as the leader did.

    Args:
        rung: Short trials, some perhaps without evidence.
        leader: The best that was trained in full, if there is one.
        places: How many go on at most.
    """
    judged = sorted((trial for trial in rung if trial.evidence), key=order)
    kept: list[Trial] = []
    for trial in judged:
        if leader is not None and order(trial) >= order(leader):
            trial.outcome = f"not as far as {leader.choice.shown()}"
        elif len(kept) == places:
            trial.outcome = f"not among the best {places} of the short trials"
        else:
            trial.outcome = "tried in full"
            kept.append(trial)
    return kept


def _perfect(trial: Trial | None) -> bool:
    """Whether it gets every row right on which it is judged."""
    return bool(trial and trial.evidence and (trial.evidence.gains == 1).all())
