"""Successive halving: many choices at a small part of the cost, the survivors at more of it.

Source: Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", section 3; a choice that is beaten beyond doubt leaves at once, as in the races of
Maron and Moore (1994).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graft.selection.folds import FOLDS
from graft.selection.grid import Choice
from graft.selection.keeper import Keeper
from graft.selection.ranking import Candidate
from graft.selection.speed import PASSES_PER_STEP
from graft.selection.trial import SPENT, STANDARD, Trial, Trials
from graft.training.stage import FEWEST_EPOCHS, MOST_EPOCHS, TARGET_STEPS

# Share of the epochs, and the folds, of each rung.
Rungs = tuple[tuple[float, tuple[int, ...]], ...]
RUNGS: Rungs = ((1 / 8, STANDARD), (1 / 3, STANDARD), (1.0, STANDARD))
FIRST_SHARE = 1 / 4
# Held-out rows that each of the two rungs on folds should have, and the most folds for them.
FIRST_ROWS, SECOND_ROWS = 40, 70
FIRST_FOLDS, SECOND_FOLDS = 2, 3
# One in so many goes on to the next rung.
KEPT = 3
FEWEST_TRIAL_EPOCHS = 2


@dataclass(slots=True)
class Race:
    """The choices that train blocks against the probes and each other.

    Attributes:
        trials: Runs them.
        keeper: Gets every model that was trained on the run's own parts.
        costs: The scored backbones, for predictions.
        eligible_probes: Whether a probe may win; not where the user named another strategy.
    """

    trials: Trials
    keeper: Keeper
    costs: dict[str, Candidate]
    eligible_probes: bool

    def run(self, probes: Sequence[Trial], choices: Sequence[Choice], few: bool) -> None:
        """Race to the end, or until nothing can win, or until the budget is spent.

        Args:
            probes: Trials of the probes on the run's own parts.
            choices: The contenders.
            few: Whether to judge on folds instead of the validation part.
        """
        contenders, winner = list(choices), None
        rungs = rungs_on_folds(self._outside()) if few else RUNGS
        references = {folds: self._references(probes, folds) for _, folds in rungs}
        if self.eligible_probes and _any_perfect([*references.values()]):
            self._drop(contenders, "not tried: the probe gets every held-out row right")
            return
        for share, folds in rungs:
            if not contenders or self.over():
                break
            rung = [self._try(choice, share, folds) for choice in contenders]
            known = references[folds] if self.eligible_probes else []
            best = min(known, key=_order, default=None)
            # Half-trained choices are not measured against a probe, which is trained to the end.
            survivors = leave(rung, best if share == 1 else None, math.ceil(len(rung) / KEPT))
            contenders = [trial.choice for trial in survivors]
            ahead = survivors and (best is None or _order(survivors[0]) < _order(best))
            winner = survivors[0] if ahead else None
        if few and winner is not None:
            self._carry_out(winner)

    def _outside(self) -> int:
        """Rows that are not for testing."""
        split = next(iter(self.trials.prepared.values())).split
        return len(split.train) + len(split.validation)

    def over(self) -> bool:
        """Whether the budget is spent."""
        return self.trials.progress.budget.left() <= 0

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

    def _references(self, probes: Sequence[Trial], folds: tuple[int, ...]) -> list[Trial]:
        if not folds:
            return [trial for trial in probes if trial.evidence]
        again = [self.trials.run(probe.choice, None, folds) for probe in probes]
        for trial in again:
            trial.outcome = trial.outcome or "measured beside the others"
        return [trial for trial in again if trial.evidence]

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
        self.keeper.offer(trial)
        return trial

    def _carry_out(self, winner: Trial) -> None:
        """Train on the run's own parts what won on folds."""
        if self.predicted(winner.choice, 1.0, STANDARD) > self.trials.progress.budget.left():
            winner.outcome = "won on folds, but the budget is too small to train it"
            return
        trial = self.trials.run(winner.choice, self.epochs(winner.choice, 1.0))
        if trial.attempt is not None:
            winner.outcome = "won on folds"
            self.keeper.put(trial)

    def _drop(self, choices: Sequence[Choice], reason: str) -> None:
        self.trials.done += [Trial(choice, None, STANDARD, outcome=reason) for choice in choices]


def rungs_on_folds(rows: int) -> Rungs:
    """Two rungs on folds of their own: as many folds as give rows enough to tell choices apart.

    Args:
        rows: Training and validation rows.

    >>> rungs_on_folds(50), rungs_on_folds(500)
    (((0.25, (0, 1)), (1.0, (2, 3, 4))), ((0.25, (0,)), (1.0, (1,))))
    """
    fold = max(rows / FOLDS, 1)
    first = min(FIRST_FOLDS, math.ceil(FIRST_ROWS / fold))
    second = min(SECOND_FOLDS, math.ceil(SECOND_ROWS / fold))
    return (FIRST_SHARE, tuple(range(first))), (1.0, tuple(range(first, first + second)))


def leave(rung: Sequence[Trial], reference: Trial | None, places: int) -> list[Trial]:
    """The trials of a rung that go on, the best first; the others are told why not.

    Args:
        rung: Trials of one rung, some perhaps without evidence.
        reference: A trial outside the rung on the same rows, or None.
        places: How many go on at most.
    """
    judged = sorted((trial for trial in rung if trial.evidence), key=_order)
    leader = min([*judged, *([reference] if reference else [])], key=_order, default=None)
    kept: list[Trial] = []
    for trial in judged:
        if leader is not None and leader is not trial and _beaten(trial, leader):
            trial.outcome = f"beaten by {leader.choice.shown()}"
        elif len(kept) == places:
            trial.outcome = f"not among the best {places} of its rung"
        else:
            kept.append(trial)
    return kept


def _order(trial: Trial) -> tuple[float, float]:
    return trial.evidence.order if trial.evidence else (math.inf, math.inf)


def _beaten(trial: Trial, leader: Trial) -> bool:
    if trial.evidence is None or leader.evidence is None:
        return False
    return leader.evidence.beats(trial.evidence)


def _any_perfect(references: Sequence[Sequence[Trial]]) -> bool:
    """Whether one of the probes gets every row right on which it is judged, on all folds.

    Args:
        references: For each set of folds the trials of the probes, in the same order.
    """
    return any(
        all(trial.evidence is not None and (trial.evidence.gains == 1).all() for trial in probe)
        for probe in zip(*references, strict=False)
    )
