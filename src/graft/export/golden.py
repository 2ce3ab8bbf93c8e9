"""Golden pictures: generated inputs whose logits every saved model carries."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graft.backbones.calls import evaluation
from graft.data.images import normalise, prepare
from graft.heads.kept import KeptHead
from graft.network import Network
from graft.types import ByteArray, PreprocessSpec, Task, slices

# Height and width: wide, tall, square, smaller and larger than usual inputs.
SIZES = (
    *((96, 128), (128, 96), (64, 64), (57, 131), (200, 80), (33, 47), (150, 150), (224, 160)),
    *((80, 200), (120, 90), (28, 28), (111, 77), (75, 180), (160, 120), (48, 140), (256, 192)),
)


COLUMNS = 128
SMALLEST = 1e-12  # a quantity below this everywhere counts as 0


@dataclass(frozen=True, slots=True)
class Score:
    """How far re-computed logits lie from the golden ones.

    Attributes:
        difference: The largest absolute difference; infinite where a logit is not a number.
        tolerance: What is allowed: 1e-3 of the largest golden logit, at least 1e-3; for a quantity,
            whose units may be small, 1e-3 of the largest alone.
    """

    difference: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance


def golden_pictures() -> list[ByteArray]:
    """Sixteen generated pictures, (H, W, 3), of different sizes: gradients, shapes and noise.

    >>> len(golden_pictures()), golden_pictures()[0].shape
    (16, (96, 128, 3))
    """
    random = np.random.default_rng(20_240_229)
    return [_picture(height, width, random) for height, width in SIZES]


def _picture(height: int, width: int, random: np.random.Generator) -> ByteArray:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j][..., None]
    slopes = random.uniform(-1, 1, size=(2, 3))
    colours = 0.5 + (slopes[0] * (x - 0.5) + slopes[1] * (y - 0.5))
    for _ in range(4):
        centre, radius = random.uniform(0, 1, size=2), random.uniform(0.1, 0.4)
        round_shape = random.random() < 0.5
        across, down = np.abs(x - centre[0]), np.abs(y - centre[1])
        distance = np.hypot(across, down) if round_shape else np.maximum(across, down)
        colours = np.where(distance < radius, random.uniform(0, 1, size=3), colours)
    colours = colours + random.normal(0, 0.08, size=(height, width, 3))
    return np.asarray(np.clip(colours * 255, 0, 255).round(), dtype=np.uint8)


def golden_inputs(pictures: list[ByteArray], spec: PreprocessSpec) -> Tensor:
    """The pictures through the whole preprocessing: (16, channels, H, W), normalised."""
    pixels = np.stack([prepare(Image.fromarray(picture), spec) for picture in pictures])
    return normalise(torch.from_numpy(pixels), spec)


def golden_logits(network: Network, inputs: Tensor) -> Tensor:
    """Logits (16, C) in evaluation mode, in float32 on the CPU where the network is there.

    Of a vocabulary, a row for every token of the translations and `COLUMNS` columns, evenly chosen.
    """
    like = next(network.parameters())
    with evaluation(network), torch.no_grad(), _in_full_precision(like.device):
        kind = like.dtype if inputs.is_floating_point() else inputs.dtype
        logits: Tensor = network(inputs.to(device=like.device, dtype=kind))
    if isinstance(network.head, KeptHead):
        logits = logits[:, torch.linspace(0, logits.shape[1] - 1, COLUMNS).long()]
    return logits.float().cpu()


def _in_full_precision(device: torch.device) -> AbstractContextManager[object]:
    """GPUs round convolutions to ten bits unless told not to: more than answers may move."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False)


def compare(found: Tensor, golden: Tensor, tasks: Sequence[Task] = ()) -> Score:
    """Compare logits (16, C) with the golden ones.

    With several tasks each has a tolerance of its own, and the score is that of the worst.

    Args:
        found: What a model answers now.
        golden: What it answered when it was saved.
        tasks: Whose outputs they are; one task of classes where none are named.

    >>> compare(torch.tensor([[10.0, 2.0]]), torch.tensor([[10.0, 2.005]])).agrees
    True
    """
    numbered = [task for task in tasks if task.outputs]
    places = slices(task.outputs for task in numbered) or [slice(None)]
    quantities = [task.kind == "regression" for task in numbered] or [False]
    scores = [
        _score(found[:, place], golden[:, place], SMALLEST if quantity else 1.0)
        for place, quantity in zip(places, quantities, strict=True)
    ]
    return max(scores, key=lambda score: score.difference / score.tolerance)


def _score(found: Tensor, golden: Tensor, least: float) -> Score:
    tolerance = 1e-3 * max(least, float(golden.abs().max()))
    difference = float((found - golden).abs().max())
    return Score(difference if difference == difference else float("inf"), tolerance)
