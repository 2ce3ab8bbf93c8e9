"""A trial: one choice trained on some rows and judged on others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from graft.backbones.backbone import Backbone
from graft.backbones.bundled import NAME as BUNDLED
from graft.backbones.load import load_backbone
from graft.bank import bank_folder
from graft.closedform.linear import Float64Array
from graft.data.targets import is_plain
from graft.errors import DivergenceError
from graft.evaluation import log_loss
from graft.recipe import Recipe
from graft.run import Attempt, begin, train
from graft.runs.input_side import choose_size
from graft.runs.preparation import Prepared, prepare, read_examples
from graft.runs.resume import identity
from graft.selection.budget import BudgetSpentError, Watched
from graft.selection.folds import with_fold
from graft.selection.grid import Choice
from graft.selection.scores import require_scores, share
from graft.selection.trial_log import TrialLog, key_of
from graft.tasks.several import Held
from graft.training import History
from graft.training.exact import Solutions
from graft.types import IntArray, Interval, Json

STANDARD: tuple[int, ...] = ()
"""In place of folds: the run's own training and validation part."""
SPENT = "stopped: the budget was spent"
# Standard errors by which a difference counts.
SURE, LIKELY = 1.96, 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """What a choice does on rows that it was not trained on.

    Attributes:
        gains: (N,) what each row adds to the figure that choices are made by: of one class a row
            1 where it is right.
        loss: Mean log loss of one class a row, which decides between equals; else 0.
    """

    gains: Float64Array
    loss: float

    @property
    def score(self) -> Interval:
        """The figure with its interval."""
        return share(self.gains)

    @property
    def order(self) -> tuple[float, float]:
        """The better evidence has the smaller order: the figure first, then log loss."""
        return -float(self.gains.mean()), self.loss

    def equals(self, other: Evidence) -> bool:
        """Whether both are of the same answers, as where fine-tuning was undone; up to rounding."""
        if self.gains.shape != other.gains.shape or not np.isclose(self.loss, other.loss, 1e-4):
            return False
        return np.allclose(self.gains, other.gains, 1e-4, 1e-6)

    def lead(self, other: Evidence) -> tuple[float, float]:
        """The mean of the paired difference, and its standard error."""
        apart = self.gains - other.gains
        return float(apart.mean()), float(apart.std()) / len(apart) ** 0.5


@dataclass(eq=False, slots=True)
class Trial:
    """What became of one choice at one rung.

    Attributes:
        choice: What was tried.
        epochs: At most so many; None for the default.
        folds: The folds it was judged on; empty for the validation part.
        seconds: What it took.
        evidence: How it did, or None where it failed or ran out of time.
        attempt: The trained network, where it was trained on the run's own parts.
        outcome: What was made of it.
        recalled: Whether an earlier process of this search tried it.
        lost: Whether that process trained a network on the run's own parts, which it had in memory.
    """

    choice: Choice
    epochs: int | None
    folds: tuple[int, ...]
    seconds: float = 0.0
    evidence: Evidence | None = None
    attempt: Attempt | None = None
    outcome: str = ""
    recalled: bool = False
    lost: bool = False

    @property
    def trained(self) -> bool:
        """Whether its network is at hand, or was when an earlier process tried it."""
        return self.lost or self.attempt is not None

    def to_dict(self) -> Json:
        """The account of the trial as JSON values."""
        evidence = self.evidence
        return {
            **self.choice.to_dict(),
            "epochs": self.epochs,
            "judged_on": "a fold" if self.folds else "validation",
            "seconds": round(self.seconds, 3),
            "score": evidence.score.to_dict() if evidence else None,
            "log_loss": evidence.loss or None if evidence else None,
            "outcome": self.outcome,
        }


def order(trial: Trial) -> tuple[float, float]:
    """The better trial has the smaller order; without evidence, the largest."""
    return trial.evidence.order if trial.evidence else (math.inf, math.inf)


def likely(trial: Trial, other: Trial, *, sure: bool = False) -> bool:
    """Whether a trial leads by enough on the rows that both are judged on.

    Args:
        trial: The one that would displace the other.
        other: The one that stays unless there is a reason.
        sure: Whether the 95 % interval of the paired difference must lie above 0, rather than its
            standard error, which guards against the luck of the best of several as the rule of
            one standard error of Breiman et al. (1984), section 3.4.3, does.
    """
    if trial.evidence is None or other.evidence is None:
        return False
    lead, error = trial.evidence.lead(other.evidence)
    return lead > (SURE if sure else LIKELY) * error


@dataclass(slots=True)
class Trials:
    """Runs trials on one data set; decoded pictures and banked prefixes are shared by all.

    Attributes:
        base: The recipe, as far as the user made it.
        data: The data set.
        progress: Told how far the work is; ends a trial when the budget is spent.
        prepared: The rows, by backbone.
        done: Every trial so far.
        pace: Seconds that the last gradient trial took per predicted second, by backbone.
        solutions: The probes that were solved.
        log: What is known of trials that were finished before.
    """

    base: Recipe
    data: object
    progress: Watched
    prepared: dict[str, Prepared] = field(default_factory=dict)
    done: list[Trial] = field(default_factory=list)
    pace: dict[str, float] = field(default_factory=dict)
    solutions: Solutions = field(default_factory=Solutions)
    log: TrialLog = field(default_factory=TrialLog)

    def load(self, name: str) -> Backbone:
        """A backbone as every trial starts from it."""
        base = self.base
        return load_backbone(
            name,
            weights=base.weights,
            size=self.size_of(name),
            long=base.long,
            pooling=base.pooling,
            seed=base.seed,
        )

    def size_of(self, name: str) -> int | None:
        """The size that this backbone is loaded with."""
        if name in self.prepared:
            return self.prepared[name].size
        if name != BUNDLED or self.base.size is not None:
            return self.base.size
        base = self.base.model_copy(update={"backbone": name})
        return choose_size(name, None, read_examples(base, self.data))

    def rows_of(self, backbone: Backbone) -> Prepared:
        """The data set, decoded as this backbone wants it."""
        if backbone.name not in self.prepared:
            chosen = {"backbone": backbone.name, "size": self.size_of(backbone.name)}
            base = self.base.model_copy(update=chosen)
            examples = read_examples(base, self.data)
            require_scores(examples.tasks)
            found = prepare(base, examples, backbone, bank_folder(), self.progress)
            self.prepared[backbone.name] = found
        return self.prepared[backbone.name]

    def run(self, choice: Choice, epochs: int | None, folds: tuple[int, ...] = STANDARD) -> Trial:
        """Train a choice, on each fold or on the run's own parts, and judge it.

        What an earlier process of the search found is taken from the log.
        """
        known = self.recall(choice, epochs, folds)
        if known is not None:
            self.done.append(known)
            return known
        trial = Trial(choice, epochs, folds)
        begun = perf_counter()
        try:
            if folds:
                trial.evidence = self._judge_on_folds(trial)
            else:
                trial.attempt = self.attempt(choice, epochs)
                rows = trial.attempt.prepared.split.validation
                if len(rows):
                    trial.evidence = evidence_of([held_out(trial.attempt, rows)])
        except DivergenceError as problem:
            trial.outcome = f"diverged: {problem.found}"
        except BudgetSpentError:
            trial.outcome, trial.attempt = SPENT, None
        trial.seconds = perf_counter() - begun
        self.done.append(trial)
        if trial.outcome != SPENT:
            self.log.add(self._key(choice, epochs, folds), _logged(trial))
        return trial

    def recall(
        self, choice: Choice, epochs: int | None, folds: tuple[int, ...] = STANDARD
    ) -> Trial | None:
        """The trial as an earlier process of the search finished it; None where it did not."""
        row = self.log.find(self._key(choice, epochs, folds)) if len(self.log) else None
        if row is None:
            return None
        gains = row["gains"]
        evidence = None if gains is None else Evidence(np.array(gains, np.float64), row["loss"])
        found = Trial(choice, epochs, folds, row["seconds"], evidence, outcome=row["outcome"])
        found.recalled, found.lost = True, row["trained"]
        return found

    def _key(self, choice: Choice, epochs: int | None, folds: tuple[int, ...]) -> str:
        found = identity(choice.recipe(self.base, epochs), self.prepared[choice.backbone])
        return key_of(found, choice.to_dict(), folds)

    def attempt(
        self, choice: Choice, epochs: int | None, prepared: Prepared | None = None
    ) -> Attempt:
        """Train a choice as a run of its recipe would."""
        recipe = choice.recipe(self.base, epochs)
        rows = prepared or self.prepared[choice.backbone]
        attempt = begin(recipe, self.data, self.progress, prepared=rows)
        attempt.runner.solutions = self.solutions  # the objective is the same for all
        train(attempt, History())
        return attempt

    def _judge_on_folds(self, trial: Trial) -> Evidence:
        judged = []
        for fold in trial.folds:
            whole = self.prepared[trial.choice.backbone]
            part, rows = with_fold(whole, fold, self.base.seed)
            judged.append(held_out(self.attempt(trial.choice, trial.epochs, part), rows))
        return evidence_of(judged)


def _logged(trial: Trial) -> Json:
    evidence = trial.evidence
    return {
        "seconds": trial.seconds,
        "outcome": trial.outcome,
        "trained": trial.attempt is not None,
        "gains": evidence.gains.tolist() if evidence else None,
        "loss": evidence.loss if evidence else None,
    }


def held_out(attempt: Attempt, rows: IntArray) -> Held:
    """Answers of the attempt for rows that it was not trained on."""
    examples = attempt.prepared.examples
    return Held(examples.tasks, attempt.predictor()(rows), examples.targets[rows])


def evidence_of(judged: Sequence[Held]) -> Evidence:
    """The evidence of some rows, pooled."""
    tasks = judged[0].tasks
    answers = np.concatenate([held.answers for held in judged])
    targets = np.concatenate([held.targets for held in judged])
    loss = log_loss(answers, targets.astype(np.int64)) if is_plain(tasks) else 0.0
    return Evidence(Held(tasks, answers, targets).gains(), loss)
