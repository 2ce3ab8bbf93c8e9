"""The rows on which choices are made: at most 2,000, stratified, never from the test part."""

from __future__ import annotations

import numpy as np

from graft.data import Examples
from graft.data.targets import is_plain
from graft.data.units import units_of
from graft.errors import DataError
from graft.evaluation.baselines import stratified_rows
from graft.types import IntArray

MOST_ROWS = 2000


def require_single_label(examples: Examples) -> None:
    """Choices are made by accuracy, which only single-label classification has.

    Raises:
        DataError: The data have another task, or several.
    """
    if not is_plain(examples.tasks):
        raise DataError(
            "Ranking, --budget and --compare choose by accuracy, and these labels have none",
            allowed="one column with one label per row",
            next="leave the option out, or name one column with --label",
        )


def sample_rows(examples: Examples, rows: IntArray, most: int = MOST_ROWS) -> IntArray:
    """At most `most` of the rows, each class in proportion, sorted; same data, same choice.

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
    return alone[stratified_rows(examples.targets[alone], most)]
