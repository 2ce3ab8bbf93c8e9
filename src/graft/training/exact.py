"""The exact solution of a linear head, where there is one."""

from __future__ import annotations

import torch

from graft.closedform import LinearSolution
from graft.heads.linear import LinearHead
from graft.network import Network
from graft.objectives import Objective
from graft.training.rows import Rows
from graft.types import FloatArray, Targets


def solve(network: Network, rows: Rows, objective: Objective, warnings: list[str]) -> bool:
    """Set the head to the exact solution on the training rows; False where there is none.

    Args:
        network: Its head is set.
        rows: What it is learnt from, and the validation rows that choose its regularisation.
        objective: What it is to minimise.
        warnings: Gets a sentence where not all views can be used.
    """
    head, source, data = network.head, rows.source, rows.data
    features_are_read = source.depth == len(network.backbone.blocks)
    if not isinstance(head, LinearHead) or not features_are_read:
        return False
    held_out = None
    if len(data.validation):
        held_out = (source.read(data.validation).numpy(), data.targets[data.validation])
    solution = _solution(rows, objective, held_out, warnings)
    if solution is None:
        return False
    head.set_solution(torch.from_numpy(solution.weight), torch.from_numpy(solution.bias))
    return True


def _solution(
    rows: Rows,
    objective: Objective,
    held_out: tuple[FloatArray, Targets] | None,
    warnings: list[str],
) -> LinearSolution | None:
    """The exact head on every view of the training rows, or on the plain ones with a warning."""
    source, data = rows.source, rows.data
    targets = data.targets[data.train]
    if source.views:
        features = source.read_views(data.train).numpy()
        found = objective.solve_views(features, targets, held_out, len(source.views) + 1)
        if found is not None:
            return found
    plain = objective.solve(source.read(data.train).numpy(), targets, held_out)
    if source.views and plain is not None:
        warnings.append("This task's exact solution uses the plain pictures alone.")
    return plain
