"""The depth curve of a run that chooses nothing, where it costs next to nothing."""

from __future__ import annotations

from graft.backbones.calls import CallsVary
from graft.backbones.load import RANDOM
from graft.data.examples import TRANSLATION
from graft.run import Attempt
from graft.runs.choice import PASSES_PER_STEP, forward_flops
from graft.runs.modality import parts_of
from graft.selection.depth import depth_curve
from graft.selection.sample import outside, sample_rows
from graft.types import IntArray, Json

MOST_ROWS, FEWEST_ROWS = 300, 20
ENOUGH_ROWS = 100
"""Where not all rows can be afforded, fewer than these say too little of six or more depths."""
CHEAP_FLOPS = 2e10
"""About a fifth of a second of two CPU cores."""
CHEAP_SHARE = 0.05
"""Of what training blocks has cost."""


def curve_where_cheap(attempt: Attempt) -> Json:
    """The part `depth_curve` of the result, of at most 300 rows that are not for testing.

    Empty for translations, for random weights, with few rows, and where a pass over 100 of the rows
    costs more than about a fifth of a second and a twentieth of what training the blocks has cost.

    Args:
        attempt: After its training; the curve is of the pretrained backbone.
    """
    prepared, recipe = attempt.prepared, attempt.recipe
    length = prepared.facts.get("mean_length")
    if attempt.network.backbone.origin == RANDOM or prepared.examples.modality == TRANSLATION:
        return {}
    rows = _affordable(attempt, forward_flops(attempt.network, length))
    if len(rows) < FEWEST_ROWS:
        return {}
    backbone = parts_of(prepared.examples.modality).load(recipe)
    backbone = backbone.to(next(attempt.network.parameters()).device)
    digests = [prepared.digests[row] for row in rows]
    examples = prepared.examples
    try:
        curve = depth_curve(
            backbone, prepared.opened, digests, examples.tasks, examples.targets[rows]
        )
    except CallsVary:
        return {}
    return {"depth_curve": curve.to_dict()}


def _affordable(attempt: Attempt, flops: float) -> IntArray:
    """The rows to judge on, all that are wanted or as many as are cheap; none if these are few.

    Args:
        attempt: After its training.
        flops: Of one row's forward pass.
    """
    examples, known = attempt.prepared.examples, outside(attempt.prepared.split)
    wanted = sample_rows(examples, known, MOST_ROWS)
    cheap = int(max(CHEAP_FLOPS / flops, CHEAP_SHARE * _passes(attempt)))
    if cheap >= len(wanted):
        return wanted
    return sample_rows(examples, known, cheap) if cheap >= ENOUGH_ROWS else wanted[:0]


def _passes(attempt: Attempt) -> float:
    """Forward passes of whole backbones that training its blocks was worth."""
    names = {block.name for block in attempt.network.backbone.blocks}
    epochs = sum(
        record.outcome.epochs * len(names.intersection(record.trained))
        for record in attempt.runner.records
    )
    return PASSES_PER_STEP * len(attempt.prepared.split.train) * epochs / len(names)
