"""The answers of a network before and after a step that must not move them."""

from __future__ import annotations

from collections.abc import Callable

from graft.errors import AuditError, DivergenceError
from graft.export.golden import Score, compare, golden_logits
from graft.export.native import LAYOUTS
from graft.network import Network

# The first golden inputs, the short texts among them: enough to tell, and cheap.
INPUTS = 8


def answers_kept(network: Network, step: str) -> Callable[[], Score]:
    """Take the network's answers to golden inputs now; the returned check compares later ones.

    Args:
        network: What is about to be changed in place.
        step: What changes it, as messages name it: `merging the adapters`.

    Returns:
        To be called after the step. It raises `AuditError` where an answer moved by more than 1e-3
        of the largest logit.

    Raises:
        DivergenceError: The answers are no finite numbers to begin with.
    """
    backbone = network.backbone
    layout = LAYOUTS[backbone.modality]
    stored = {name: t for name, t in layout.golden().items() if int(name.split(".")[1]) < INPUTS}
    inputs = layout.inputs(stored, backbone)
    before = golden_logits(network, inputs)
    if not bool(before.isfinite().all()):
        raise DivergenceError(
            f"The outputs of the network are not finite before {step}",
            allowed="finite outputs",
            next="choose a smaller --lr",
        )

    def check() -> Score:
        score = compare(golden_logits(network, inputs), before)
        if not score.agrees:
            raise AuditError(
                f"The network answers differently after {step}: logits moved by "
                f"{score.difference:.3g}, allowed is {score.tolerance:.3g}",
                next="please report this; use another strategy meanwhile",
            )
        return score

    return check
