"""The exact solution of a linear head, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

import numpy as np
import torch

from graft.closedform import LinearSolution
from graft.heads.linear import LinearHead
from graft.network import Network
from graft.objectives import Known, Objective
from graft.training.rows import Rows
from graft.types import FloatArray, Targets

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
        known: Known,
    ) -> LinearSolution | None:
        """The solution, known or found; see `Objective.solve`."""
        groups = () if known.groups is None else (known.groups,)
        arrays = [features, targets, *(held_out or ()), *groups]
        shapes = [array.shape for array in arrays]
        digest = sha256(f"{known.views} {known.drawn} {shapes}".encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        key = digest.digest()
        if key not in self.known:
            self.known[key] = objective.solve(features, targets, held_out, known)
        return self.known[key]


def solve(
    network: Network,
    rows: Rows,
    objective: Objective,
    warnings: list[str],
    solutions: Solutions | None = None,
    *,
    drawn: bool = False,
) -> bool:
    """Set the head to the exact solution on the training rows; False where there is none.

    Args:
        network: Its head is set.
        rows: What it is learnt from, and the validation rows that choose its regularisation.
        objective: What it is to minimise.
        warnings: Gets a sentence where not all views can be used.
        solutions: What is known already; gets what is found.
        drawn: See `graft.objectives.Known`.
    """
    head, source, data = network.head, rows.source, rows.data
    features_are_read = source.depth == len(network.backbone.blocks)
    if not isinstance(head, LinearHead) or not features_are_read:
        return False
    held_out = None
    if len(data.validation):
        held_out = (source.read(data.validation).numpy(), data.targets[data.validation])
    solution_of = partial(solutions.of, objective) if solutions else objective.solve
    solution = _solution(rows, held_out, warnings, solution_of, drawn=drawn)
    if solution is None:
        return False
    head.set_solution(torch.from_numpy(solution.weight), torch.from_numpy(solution.bias))
    return True


def _solution(
    rows: Rows,
    held_out: HeldOut,
    warnings: list[str],
    solution_of: Callable[..., LinearSolution | None],
    *,
    drawn: bool,
) -> LinearSolution | None:
    """The exact head on every view of the training rows, or on the plain ones with a warning."""
    source, data = rows.source, rows.data
    targets = data.targets[data.train]
    groups = None if data.groups is None else data.groups[data.train]
    known = Known(len(source.views) + 1, groups, drawn)
    if source.views:
        features = source.read_views(data.train).numpy()
        found = solution_of(features, targets, held_out, known)
        if found is not None:
            return found
    features = source.read(data.train).numpy()
    plain = solution_of(features, targets, held_out, replace(known, views=1))
    if source.views and plain is not None:
        warnings.append("This task's exact solution uses the plain pictures alone.")
    return plain
