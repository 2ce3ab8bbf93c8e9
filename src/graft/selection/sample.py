"""The rows on which choices are made: at most 2,000, stratified, never from the test part."""

from __future__ import annotations

import numpy as np

from graft.data import Examples, Split
from graft.data.targets import strata
from graft.data.units import units_of
from graft.evaluation.baselines import stratified_rows
from graft.types import IntArray

MOST_ROWS = 2000


def outside(split: Split) -> IntArray:
    """All rows but the test part, sorted."""
    return np.sort(np.concatenate([split.train, split.validation]))


def strata_of(examples: Examples, rows: IntArray) -> IntArray:
    """(N,) one stratum for each of these rows: its class, or one of those that it is split by."""
    members = strata(examples.tasks, examples.targets[rows])
    return np.array([row[-1] for row in members], dtype=np.int64)


def sample_rows(examples: Examples, rows: IntArray, most: int = MOST_ROWS) -> IntArray:
    """At most `most` of the rows, each stratum in proportion, sorted; same data, same choice.

    Leave-one-out is only honest where rows are independent, so of equal pictures, and of the rows
    of one group, the first stands for all.

    Args:
        examples: All rows.
        rows: Row numbers to choose from.
        most: The largest number of rows.
    """
    keys = [examples.digests()]
    if examples.groups is not None:
        units = units_of(rows, [*keys, examples.groups.tolist()])
    else:
        units = units_of(rows, keys)
    alone = np.array([unit[0] for unit in units], dtype=np.int64)
    return alone[stratified_rows(strata_of(examples, alone), most)]
