"""What a backbone costs: measured speed, size, and from these the time of training."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch

from graft.backbones.backbone import Backbone
from graft.strategies import build_strategy
from graft.training.stage import phase_epochs

BATCH = 16
MOST_REPEATS, ENOUGH_SECONDS = 5, 0.5
# Forward, gradient of the inputs, gradient of the weights.
PASSES_PER_STEP = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What using a backbone takes on this machine.

    Attributes:
        images_per_second: Pictures or texts that the forward pass takes a second, measured.
        parameters: Of the backbone without its classifier.
        megabytes: Of its parameters and buffers.
    """

    images_per_second: float
    parameters: int
    megabytes: float

    def probe_seconds(self, rows: int) -> float:
        """Predicted seconds of one pass over the rows, all that a linear probe needs."""
        return rows / self.images_per_second

    def fine_tuning_seconds(self, rows: int, batch_size: int = 32) -> float:
        """Predicted seconds of fine-tuning every block with `lp-ft`'s default epochs."""
        last = build_strategy("lp-ft").phases(["all"])[-1]
        epochs = phase_epochs(last, None, -(-rows // batch_size))
        return PASSES_PER_STEP * epochs * self.probe_seconds(rows)


def measure_cost(backbone: Backbone, device: torch.device, length: int | None = None) -> Cost:
    """Time the forward pass on this device, the median of up to five batches of 16.

    Args:
        backbone: On the device.
        device: Where it runs.
        length: Tokens of a text; None for pictures.
    """
    inputs = backbone.dry_inputs(BATCH, length).to(device)
    times: list[float] = []
    backbone.eval()
    with torch.inference_mode():
        while len(times) < MOST_REPEATS and (len(times) < 2 or sum(times) < ENOUGH_SECONDS):
            begun = perf_counter()
            backbone(inputs).sum().item()  # waits for the device
            times.append(perf_counter() - begun)
    steady = sorted(times[1:])  # the first batch warms up
    tensors = [*backbone.model.parameters(), *backbone.model.buffers()]
    return Cost(
        BATCH / steady[len(steady) // 2],
        sum(parameter.numel() for parameter in backbone.model.parameters()),
        sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6,
    )
