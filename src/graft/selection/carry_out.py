"""What a run was asked to do, done: one run, one with comparisons, or a search."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from graft.progress import Progress, Silent
from graft.run import Finished, run
from graft.runs.asked import Asked
from graft.selection.compare import run_compared
from graft.selection.plain import curve_where_cheap
from graft.selection.search import search


def carry_out(
    asked: Asked,
    *,
    data: object = None,
    out: Path | None = None,
    progress: Progress | None = None,
    again: bool = False,
    every: float | None = None,
) -> Finished:
    """Do what was asked for.

    Args:
        asked: The recipe, and whether to search or compare.
        data: The data set, where it is an object rather than the recipe's.
        out: The run folder; None takes `runs/<time>-<data>`.
        progress: Told how far the work is.
        again: Whether to take up the run that did not finish in `out`.
        every: Seconds between two checkpoints; see `graft.training.keeper.Keeper`.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
    """
    if asked.budget is not None:
        return search(
            asked.recipe,
            asked.budget,
            backbones=asked.backbones,
            data=data,
            out=out,
            progress=progress or Silent(),
            compare=asked.compare,
            again=again,
        )
    whole = partial(run, extra=curve_where_cheap)
    fit = run_compared if asked.compare else whole
    return fit(asked.recipe, data=data, out=out, progress=progress, again=again, every=every)
