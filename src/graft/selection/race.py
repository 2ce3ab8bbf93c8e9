"""The race: the favourite in full, its rivals briefly, and the best of them in full against it.

Source: successive halving as in Jamieson and Talwalkar (2016), "Non-stochastic Best Arm
Identification and Hyperparameter Optimization", section 3, with one short rung; a choice that is
beaten beyond doubt leaves at once, as in the races of Maron and Moore (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.selection.grid import Choice
from graft.selection.keeper import Keeper
from graft.selection.ranking import Candidate
from graft.selection.speed import PASSES_PER_STEP
from graft.selection.trial import SPENT, STANDARD, Trial, Trials, likely, order, undecided
from graft.training.stage import FEWEST_EPOCHS, MOST_EPOCHS, TARGET_STEPS

# Share of the epochs that tells which rival is worth all of them.
SHORT = 1 / 4
FEWEST_TRIAL_EPOCHS = 2
# Where validation rows are few, a favourite and a rival that they cannot tell apart meet again on
# at most so many folds.
MOST_MEETINGS = 2


@dataclass(slots=True)
class Race:
    """The choices that train blocks against the probes and each other.

    Attributes:
        trials: Runs them.
        keeper: Gets every model that was trained on the run's own parts.
        costs: The scored backbones, for predictions.
        eligible_probes: Whether a probe may win; not where the user named another strategy.
        few: Whether the validation part alone is too small to choose on.
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
        contenders = [*choices]
        known = [*probes] if self.eligible_probes else []
        if contenders and not any(map(_perfect, known)):
            favourite = self._try(contenders.pop(0), 1.0, STANDARD)
            self.keeper.offer(favourite, favourite=True)
            known.append(favourite)
        perfect = next((trial for trial in known if _perfect(trial)), None)
        if perfect is not None:
            reason = f"not tried: {perfect.choice.shown()} gets every held-out row right"
            self._drop(contenders, reason)
            return
        rung = [self._try(choice, SHORT, STANDARD) for choice in contenders]
        places = len({choice.backbone for choice in choices})
        for rival in leave(rung, places):
            trial = self._try(rival.choice, 1.0, STANDARD)
            self._meet(trial)
            self.keeper.offer(trial)

    def epochs(self, choice: Choice, share: float) -> int | None:
        """The epochs of a trial; None for the default ones, so that the recipe stays open."""
        base = self.trials.base
        if share == 1.0:
            return base.epochs
        return max(FEWEST_TRIAL_EPOCHS, round(self._all_epochs(choice) * share))

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
        usual = min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-TARGET_STEPS // max(1, steps))))
        return base.epochs or usual

    def _try(self, choice: Choice, share: float, folds: tuple[int, ...]) -> Trial:
        expected = self.predicted(choice, share, folds)
        epochs = self.epochs(choice, share)
        left = self.trials.progress.budget.left()
        if expected > left:
            trial = Trial(choice, epochs, folds)
            trial.outcome = f"not tried: about {expected:.0f} s, {max(left, 0):.0f} s left"
            self.trials.done.append(trial)
            return trial
        trial = self.trials.run(choice, epochs, folds)
        if trial.outcome != SPENT and expected > 0:
            pace = self.trials.pace.get(choice.backbone, 1.0)
            self.trials.pace[choice.backbone] = pace * trial.seconds / expected
        if share < 1:
            trial.attempt = None  # a short trial is no model
        return trial

    def _meet(self, rival: Trial) -> None:
        """Judge rival and leader on folds as well, while rows that few cannot tell them apart."""
        leader = self.keeper.best
        if leader is None or self.keeper.stands_in or not self.few:
            return
        for fold in range(MOST_MEETINGS):
            missing = [each for each in (leader, rival) if len(each.further) == fold]
            if not undecided(rival, leader) or not missing:
                return
            for each in missing:
                again = self._try(each.choice, 1.0, (fold,))
                again.outcome = again.outcome or "measured beside another"
                if again.evidence is None:
                    return
                each.further.append(again.evidence)

    def _drop(self, choices: Sequence[Choice], reason: str) -> None:
        self.trials.done += [Trial(choice, None, STANDARD, outcome=reason) for choice in choices]


def leave(rung: Sequence[Trial], places: int) -> list[Trial]:
    """The trials of a rung that go on, the best first; the others are told why not.

    Args:
        rung: Trials of one rung, some perhaps without evidence.
        places: How many go on at most.
    """
    judged = sorted((trial for trial in rung if trial.evidence), key=order)
    kept: list[Trial] = []
    for trial in judged:
        if kept and likely(kept[0], trial, sure=True):
            trial.outcome = f"beaten by {kept[0].choice.shown()}"
        elif len(kept) == places:
            trial.outcome = f"not among the best {places} of the short trials"
        else:
            trial.outcome = "tried in full"
            kept.append(trial)
    return kept


def _perfect(trial: Trial) -> bool:
    """Whether it gets every row right on which it is judged."""
    return trial.evidence is not None and bool((trial.evidence.gains == 1).all())
