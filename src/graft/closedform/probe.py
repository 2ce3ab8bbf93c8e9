"""The exact linear probe: standardise, fit a path of penalties, keep the best, fold back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graft.closedform.linear import (
    Float64Array,
    LinearSolution,
    class_counts,
    with_absent_classes,
)
from graft.closedform.logistic import LogisticProblem, lowest_logit, require_penalty
from graft.closedform.metric import Gram
from graft.closedform.space import SHRINKAGE, Space, enter_space
from graft.closedform.sureness import Held, Judged, can_tell, judge, suited, the_better
from graft.types import FloatArray, IntArray

PENALTIES = tuple(float(f"{10.0 ** (-power / 2):.3g}") for power in range(2, 15))
"""0.1, 0.0316, ... 1e-7: penalties for features whose rows have mean square length one."""
ONE_SHOT_PENALTY = 1e-2
"""Where no class has two examples (of two groups), nothing can be held out and this is used."""
DRAWN_PENALTY = 3.16e-3
"""The weakest for features that have learnt the rows' classes.

MiniLM after training on pairs, ten draws of 4, 16 and 64 texts a class of six and twelve sections:
0.6 points and 0.08 of log loss better than without an end. An end at 0.01 is as good (0.1 points
less), one at 0.1 costs twelve sections 3 points."""
ROWS_A_CLASS = 10.0
"""Mean validation rows a class from which the validation part chooses the penalty."""
SCORED_ROWS = 1000
"""Held-out training rows that are enough: further folds are not fitted."""
PATIENCE = 2
"""The path ends after this many penalties in a row that are worse than the best."""
PATH_TOLERANCE = 1e-4
"""Gradient tolerance while penalties are compared; the chosen one is solved to the full one."""
FINAL_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class ProbeSolution:
    """A linear head with the account of how it was chosen.

    Attributes:
        solution: Weight (C, D) and bias (C,) in the original features: the standardisation is
            folded in.
        penalty: The chosen one, for the standardised features.
        scores: Penalty -> mean held-out log loss, for every penalty tried; empty where nothing
            could be held out.
        factor: By which the weights were multiplied in the end; see `graft.closedform.sureness`.
        mean: (D,) of the training features.
        scale: (D,) by which the centred features were divided.
        chosen_by: `validation`, `cross-validation` or `default`.
    """

    solution: LinearSolution
    penalty: float
    scores: dict[float, float]
    factor: float
    mean: Float64Array
    scale: Float64Array
    chosen_by: str


def fit_probe(
    features: FloatArray,
    targets: IntArray,
    classes: int,
    *,
    weights: FloatArray | None = None,
    validation: tuple[FloatArray, IntArray] | None = None,
    views: int = 1,
    groups: IntArray | None = None,
    drawn: bool = False,
    candidates: Sequence[float] = PENALTIES,
    shrinkage: float = SHRINKAGE,
    kind: type[LogisticProblem] = LogisticProblem,
    overwrite: bool = False,
) -> ProbeSolution:
    """Multinomial logistic regression with the penalty chosen by held-out log loss.

    The features are centred and scaled (`standardisation`). The penalties are tried from the
    strongest to the weakest, each started from the one before, until two in a row are worse than
    the best. They are judged, each at the sureness that suits it where that is clearly better
    (`graft.closedform.sureness`), on the validation part if it has ten rows a class on average and
    every class that was trained; else by stratified cross-validation over the training rows
    (`folds`); where no row can be held out the penalty is `ONE_SHOT_PENALTY`.

    Args:
        features: (N, D) training features.
        targets: (N,) class indices.
        classes: C. A class without examples is never predicted (see `fit_logistic`).
        weights: (N,) positive row weights. Held-out rows count by the mean weight of their class.
        validation: Features (M, D) and targets (M,); they choose the penalty, nothing else.
        views: How many pictures stand for each row. Then the features are (views * N, D), all
            rows' plain pictures first, and each row still counts once. In cross-validation the
            views of a row are held out together, and its plain one is judged.
        groups: (N,) group numbers: rows of one group are held out together.
        drawn: Whether the features have learnt the classes of these rows, as after training on
            pairs. Cross-validation finds every row right then and wants no penalty at all: it
            gets none below `DRAWN_PENALTY`.
        candidates: Positive penalties in any order.
        shrinkage: See `standardisation`.
        kind: What is solved: multinomial regression, or one for classes with an order.
        overwrite: Whether many features may be standardised where they lie.

    Raises:
        ValueError: A penalty, a target or a weight is out of range.
    """
    for penalty in candidates:
        require_penalty(penalty)
    counts = class_counts(targets, classes)
    present = np.flatnonzero(counts)
    path = sorted(candidates, reverse=True)
    rows = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
    indices = np.searchsorted(present, targets)
    space = enter_space(features, np.tile(rows, views), shrinkage, overwrite=overwrite)
    training = Rows(space.rows, np.tile(indices, views), np.tile(rows, views))
    light = training._replace(features=space.light)

    def every_view(chosen: IntArray) -> IntArray:
        return np.concatenate([chosen + view * len(targets) for view in range(views)])

    problem = training.problem(space.metric, kind)
    warm = problem.start()
    judging = validation if validation is not None and decides(validation[1], present) else None
    if drawn and judging is None:
        path = [at for at in path if at >= DRAWN_PENALTY] or [DRAWN_PENALTY]
    if judging is not None:
        held_out = held_out_rows(judging, space, light, present)
        judged, (warm,) = path_scores([(light.problem(space.metric, kind), held_out)], path)
        chosen_by = "validation"
    else:
        pairs = [
            (light.take(every_view(kept)).problem(space.metric, kind), light.take(held_out))
            for kept, held_out in (folds(indices, groups) if len(present) > 1 else ())
        ]
        judged = path_scores(pairs, path)[0] if pairs else {}
        chosen_by = "cross-validation" if pairs else "default"
    penalty = min(judged, key=lambda at: judged[at].loss) if judged else ONE_SHOT_PENALTY
    factor = judged[penalty].factor if judged else 1.0
    final = problem.solve(penalty, warm, FINAL_TOLERANCE).stretched(factor)
    weight = space.leave(final.weight)
    solution = with_absent_classes(
        weight, final.bias - weight @ space.mean, present, classes, lowest_logit(problem, final)
    )
    scores = {at: found.loss for at, found in judged.items()}
    return ProbeSolution(solution, penalty, scores, factor, space.mean, space.scale, chosen_by)


class Rows(NamedTuple):
    """Rows in the space of a probe; targets are indices among the present classes."""

    features: FloatArray
    targets: IntArray
    weights: Float64Array

    def take(self, rows: IntArray) -> Rows:
        """Some of the rows."""
        return Rows(self.features[rows], self.targets[rows], self.weights[rows])

    def problem(
        self, metric: Gram | None, kind: type[LogisticProblem] = LogisticProblem
    ) -> LogisticProblem:
        """The data term of their regression; `metric` in their precision, or None."""
        suited = metric and metric.astype(self.features.dtype)
        return kind.build(*self, suited)


def decides(targets: IntArray, present: IntArray) -> bool:
    """Whether a validation part is large enough to choose the penalty."""
    return len(targets) >= ROWS_A_CLASS * len(present) and bool(np.isin(present, targets).all())


def held_out_rows(
    validation: tuple[FloatArray, IntArray],
    space: Space,
    training: Rows,
    present: IntArray,
) -> Rows:
    """The validation rows of trained classes, weighted like their class."""
    features, targets = validation
    known = np.isin(targets, present)
    indices = np.searchsorted(present, targets[known])
    class_weights = np.bincount(training.targets, training.weights) / np.bincount(training.targets)
    judging = features if known.all() else features[known]
    return Rows(space.enter(judging), indices, class_weights[indices])


def path_scores(
    pairs: Sequence[tuple[LogisticProblem, Rows]], path: Sequence[float]
) -> tuple[dict[float, Judged], list[LinearSolution]]:
    """How good each penalty is on held-out rows until that rises, and the solutions at the best.

    Args:
        pairs: A problem and the rows that judge it, one pair a fold. The folds walk the path in
            step, so that the path ends by their mean and not by the noise of one of them.
        path: Penalties, the strongest first.
    """
    plain: dict[float, Judged] = {}
    others: dict[float, Judged] = {}
    solutions = best = [problem.start() for problem, _ in pairs]
    worse = 0
    for penalty in path:
        solutions = [
            problem.solve(penalty, solution, PATH_TOLERANCE)
            for (problem, _), solution in zip(pairs, solutions, strict=True)
        ]
        parts = [
            Held.of(solution, *held_out)
            for (_, held_out), solution in zip(pairs, solutions, strict=True)
        ]
        before = [_least(plain), _least(others)]
        plain[penalty] = judge(parts)
        others[penalty] = suited(parts) if can_tell(parts) else plain[penalty]
        worse = worse + 1 if [_least(plain), _least(others)] == before else 0
        best = solutions if worse == 0 else best
        if worse == PATIENCE:
            break
    return the_better(plain, others), best


def _least(found: dict[float, Judged]) -> float:
    return min((each.loss for each in found.values()), default=np.inf)


def folds(targets: IntArray, groups: IntArray | None = None) -> Iterator[tuple[IntArray, IntArray]]:
    """Stratified folds: (rows kept, rows held out), the same for the same arguments.

    Five folds; below 200 rows up to twenty, so that nearly all rows are kept (with twenty rows
    this is leave-one-out). Every class keeps a row in every fold: one with a single row, or whose
    rows are all of one group, is never held out. No more folds are given than hold out
    `SCORED_ROWS` rows.

    Args:
        targets: (N,) class indices.
        groups: (N,) group numbers: rows of one group stay together, and count as their first one
            where classes are spread over the folds.
    """
    units, first, unit = _units(len(targets), groups)
    counts, kinds = np.bincount(targets[first]), targets[first]
    order = np.random.default_rng(0).permutation(units)
    order = order[np.argsort(kinds[order], kind="stable")]
    order = order[counts[kinds[order]] > 1]
    number = 5 if len(targets) >= 200 else min(20, len(order))
    scored = 0
    for fold in range(number):
        held_out = np.flatnonzero(np.isin(unit, order[fold::number]))
        held_out = _without_last(targets, unit, held_out)
        scored += len(held_out)
        if len(held_out):
            yield np.setdiff1d(np.arange(len(targets)), held_out), held_out
        if scored >= SCORED_ROWS:
            return


def _units(rows: int, groups: IntArray | None) -> tuple[int, IntArray, IntArray]:
    """How many units there are, the first row of each, and the unit of each row."""
    if groups is None:
        return rows, np.arange(rows), np.arange(rows)
    _, first, unit = np.unique(groups, return_index=True, return_inverse=True)
    return len(first), first, unit


def _without_last(targets: IntArray, unit: IntArray, held_out: IntArray) -> IntArray:
    """The held-out rows without units that hold the last rows of a class."""
    kept = np.ones(len(targets), dtype=bool)
    kept[held_out] = False
    last = np.setdiff1d(targets[held_out], targets[kept])
    stays = unit[held_out][np.isin(targets[held_out], last)]
    return held_out[~np.isin(unit[held_out], stays)]
