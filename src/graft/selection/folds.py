"""Where choices are judged without a validation part: on a fold of the training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graft.data import Split
from graft.data.units import units_of
from graft.runs.preparation import Prepared
from graft.selection.sample import strata_of
from graft.types import IntArray

FOLDS = 5
FEW_ROWS = 200
"""With fewer validation rows the favourite is trusted unless something is likely better."""


def are_few(prepared: Prepared) -> bool:
    """Whether the validation part is too small to doubt the favourite by."""
    return len(prepared.split.validation) < FEW_ROWS


def with_fold(prepared: Prepared, fold: int, seed: int) -> tuple[Prepared, IntArray]:
    """The data with one fold held out, and the rows of that fold.

    Fold `fold` is what the choice is scored on; the next one takes the place of the validation
    part, so that early stopping never sees the rows that are scored. Copies and groups stay
    together, and every class (of other tasks, every stratum) keeps training rows: one with a
    single unit is never held out.
    """
    examples, split = prepared.examples, prepared.split
    rows = np.sort(np.concatenate([split.train, split.validation]))
    targets = strata_of(examples, np.arange(len(examples)))
    groups = [] if examples.groups is None else [examples.groups.tolist()]
    number = deal(units_of(rows, [list(prepared.digests), *groups]), targets, seed)
    scored = rows[number[rows] == fold]
    stopping = rows[number[rows] == (fold + 1) % FOLDS]
    train = np.setdiff1d(rows, np.concatenate([scored, stopping]))
    lacking = np.setdiff1d(targets[stopping], targets[train])
    stays = np.isin(targets[stopping], lacking)
    train = np.sort(np.concatenate([train, stopping[stays]]))
    scored = scored[np.isin(targets[scored], targets[train])]
    parts = Split(train.astype(np.int64), stopping[~stays].astype(np.int64), split.test)
    return replace(prepared, split=parts), scored.astype(np.int64)


def deal(units: list[IntArray], targets: IntArray, seed: int) -> IntArray:
    """The fold of every row, -1 for rows that are always trained on; stratified.

    Args:
        units: Rows that stay together.
        targets: (N,) class or stratum of all rows.
        seed: Same seed, same folds.
    """
    number = np.full(len(targets), -1, dtype=np.int64)
    first = np.array([targets[unit[0]] for unit in units])
    order = np.random.default_rng(seed).permutation(len(units))
    order = order[np.argsort(first[order], kind="stable")]
    counts = np.bincount(first)
    dealt = [int(unit) for unit in order if counts[first[unit]] > 1]
    for place, unit in enumerate(dealt):
        number[units[unit]] = place % FOLDS
    return number
