"""What several tasks on one backbone gain or lose by each other."""

from __future__ import annotations

from collections.abc import Sequence

from graft.runs.assessment import SINGLE
from graft.types import Json, Kind, Task

# A figure that is positive, so that a share of it means something, and whether more is better.
MEASURES: dict[Kind, tuple[str, bool]] = {
    "classification": ("accuracy", True),
    "ordinal": ("mae", False),
    "multi-label": ("mean_average_precision", True),
    "regression": ("rmse", False),
}


def together(result: Json, tasks: Sequence[Task]) -> Json:
    """Whether the tasks could interact, and the mean relative gain over one task at a time.

    The gain is `mean_k (-1)^l_k (M_k - S_k) / S_k` (Maninis et al. 2019), with M the test figure
    of this model and S that of a single-task linear probe on the pretrained features.

    Args:
        result: Metrics, baselines and plan of the run.
        tasks: Its tasks.

    Returns:
        `interact`, `gain` (null where no figure is defined), `gains` by task, and `message`.
    """
    found = {task.name: _gain(result, task) for task in tasks}
    gains = {name: gain for name, gain in found.items() if gain is not None}
    mean = sum(gains.values()) / len(gains) if gains else None
    interact = any(block["trained"] for block in result["plan"]["blocks"])
    return {"interact": interact, "gain": mean, "gains": gains, "message": _said(interact, mean)}


def _gain(result: Json, task: Task) -> float | None:
    metric, higher = MEASURES[task.kind]
    own = result["metrics"]["test"][task.name].get(metric)
    single = result["baseline"][SINGLE][task.name].get(metric)
    if own is None or single is None or single["value"] == 0:
        return None
    change = (own["value"] - single["value"]) / single["value"]
    return float(change if higher else -change)


def _said(interact: bool, gain: float | None) -> str:
    if not interact:
        return (
            "The backbone was frozen, so the tasks share nothing that trains: each was learnt as "
            "in a run of its own."
        )
    beside = "single-task probes on the frozen backbone"
    if gain is None:
        return f"Blocks of the backbone trained on all tasks together; {beside} have no figure."
    apart = f"{100 * abs(gain):.1f}"
    change = "the same" if float(apart) == 0 else f"{apart} % {'better' if gain > 0 else 'worse'}"
    return (
        f"Blocks of the backbone trained on all tasks together: beside {beside} the main figures "
        f"are {change} on average."
    )
