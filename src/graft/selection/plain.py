"""The depth curve of a run that chooses nothing, where it costs next to nothing."""

from __future__ import annotations

from graft.backbones.calls import CallsVary
from graft.backbones.load import RANDOM
from graft.data.examples import TRANSLATION
from graft.run import Attempt
from graft.runs.choice import forward_flops
from graft.runs.modality import parts_of
from graft.selection.depth import depth_curve
from graft.selection.sample import outside, sample_rows
from graft.types import Json

MOST_ROWS, FEWEST_ROWS = 300, 20
CHEAP_FLOPS = 5e10
"""About half a second of two CPU cores."""


def curve_where_cheap(attempt: Attempt) -> Json:
    """The part `depth_curve` of the result, of at most 300 rows that are not for testing.

    Empty for translations, for random weights, with few rows, and where a pass over the rows costs
    more than about half a second.

    Args:
        attempt: Before or after its training: the curve is of the pretrained backbone.
    """
    prepared, recipe = attempt.prepared, attempt.recipe
    length = prepared.facts.get("mean_length")
    if attempt.network.backbone.origin == RANDOM or prepared.examples.modality == TRANSLATION:
        return {}
    rows = sample_rows(prepared.examples, outside(prepared.split), MOST_ROWS)
    if len(rows) < FEWEST_ROWS or forward_flops(attempt.network, length) * len(rows) > CHEAP_FLOPS:
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
