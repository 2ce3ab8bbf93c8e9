"""What becomes of BatchNorm's running statistics: frozen, live or re-estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graft.plan import set_training_mode
from graft.statistics import retake_statistics
from graft.strategies.base import ContradictionError, Ending, Modifier, Phase

NAMES = {"frozen": "bn-frozen", "live": "bn-live", "reestimated": "bn-reestimate"}


@dataclass(frozen=True, slots=True)
class BatchNorm(Modifier):
    """Sets the policy of every block that trains; without BatchNorm layers it changes nothing.

    `frozen` keeps the pretrained statistics and suits small batches and few examples. `live`
    follows the batches and suits many examples that look different. `reestimated` is live, and in
    the end computes the statistics of the final weights afresh over up to fifty batches of
    training rows: what averaged weights and other domains need. Under frozen blocks statistics
    never move, whatever the policy.

    Source: Ioffe and Szegedy (2015), section 3.1; Li et al. (2018), "Adaptive Batch Normalization
    for practical domain adaptation", section 3, for re-estimation; Izmailov et al. (2018),
    section 3.2, for averaged weights.
    """

    policy: str

    def modify(self, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        """Change the plans, and re-estimate when the last phase is over.

        Raises:
            ContradictionError: No block trains.
        """
        if not any(phase.plan.trained for phase in phases):
            raise ContradictionError(
                f"{NAMES[self.policy]} is about blocks that train, and here none does",
                f"use lp-ft+{NAMES[self.policy]}",
            )
        changed = [replace(phase, plan=phase.plan.with_norm(self.policy)) for phase in phases]
        if self.policy == "reestimated":
            changed[-1] = replace(changed[-1], finalize=(*changed[-1].finalize, reestimate))
        return tuple(changed)


def reestimate(ending: Ending) -> str:
    """Compute the statistics of every BatchNorm in blocks that train afresh, and say so.

    Each becomes the plain mean over batches of the batch's statistics, with the final weights.
    """
    set_training_mode(ending.plan, ending.network)
    layers = retake_statistics(ending.network, ending.suffix, ending.batches())
    if not layers:
        return "no BatchNorm layer to re-estimate in the blocks that trained"
    return f"statistics of {layers} BatchNorm layers re-estimated"
