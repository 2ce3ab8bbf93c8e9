"""The exact solution of a linear head, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import torch

from graft.closedform import LinearSolution
from graft.heads.linear import LinearHead
from graft.network import Network
from graft.objectives import Objective
from graft.training.rows import Rows
from graft.types import FloatArray, IntArray, Targets

HeldOut = tuple[FloatArray, Targets] | None


@dataclass(slots=True)
class Solutions:
    """Exact solutions that are known, by what they were computed from.

    A search begins many of its trials with the same probe on the same rows: it shares one of these
    between runs that differ in nothing the objective depends on.
    """

    known: dict[bytes, LinearSolution | None] = field(default_factory=dict)

    def of(
        self,
        objective: Objective,
        features: FloatArray,
        targets: Targets,
        held_out: HeldOut,
        views: int = 1,
        groups: IntArray | None = None,
    ) -> LinearSolution | None:
        """The solution, known or found; see `solved`."""
        arrays = [features, targets, *(held_out or ()), *(() if groups is None else (groups,))]
        digest = sha256(f"{views} {[array.shape for array in arrays]}".encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        key = digest.digest()
        if key not in self.known:
            self.known[key] = solved(objective, features, targets, held_out, views, groups)
        return self.known[key]


def solved(
    objective: Objective,
    features: FloatArray,
    targets: Targets,
    held_out: HeldOut,
    views: int = 1,
    groups: IntArray | None = None,
) -> LinearSolution | None:
    """The objective's solution, from several views of each row where it can use them.

    The features may be changed.
    """
    if views > 1:
        return objective.solve_views(features, targets, held_out, views, groups)
    return objective.solve(features, targets, held_out, groups)


def solve(
    network: Network,
    rows: Rows,
    objective: Objective,
    warnings: list[str],
    solutions: Solutions | None = None,
) -> bool:
    """Set the head to the exact solution on the training rows; False where there is none.

    Args:
        network: Its head is set.
        rows: What it is learnt from, and the validation rows that choose its regularisation.
        objective: What it is to minimise.
        warnings: Gets a sentence where not all views can be used.
        solutions: What is known already; gets what is found.
    """
    head, source, data = network.head, rows.source, rows.data
    features_are_read = source.depth == len(network.backbone.blocks)
    if not isinstance(head, LinearHead) or not features_are_read:
        return False
    held_out = None
    if len(data.validation):
        held_out = (source.read(data.validation).numpy(), data.targets[data.validation])
    solution = _solution(rows, objective, held_out, warnings, solutions.of if solutions else solved)
    if solution is None:
        return False
    head.set_solution(torch.from_numpy(solution.weight), torch.from_numpy(solution.bias))
    return True


def _solution(
    rows: Rows,
    objective: Objective,
    held_out: HeldOut,
    warnings: list[str],
    solution_of: Callable[..., LinearSolution | None],
) -> LinearSolution | None:
    """The exact head on every view of the training rows, or on the plain ones with a warning."""
    source, data = rows.source, rows.data
    targets = data.targets[data.train]
    groups = None if data.groups is None else data.groups[data.train]
    if source.views:
        features = source.read_views(data.train).numpy()
        views = len(source.views) + 1
        found = solution_of(objective, features, targets, held_out, views, groups)
        if found is not None:
            return found
    features = source.read(data.train).numpy()
    plain = solution_of(objective, features, targets, held_out, 1, groups)
    if source.views and plain is not None:
        warnings.append("This task's exact solution uses the plain pictures alone.")
    return plain
