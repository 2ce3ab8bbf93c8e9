"""Parts of the fastai scripts."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from fastai.callback.core import Callback
from safetensors.torch import load_file
from torch import nn


class EpochSeconds(Callback):  # type: ignore[misc]
    """The seconds of every epoch of training, its validation included."""

    def before_fit(self) -> None:
        """Start anew."""
        self.seconds: list[float] = []

    def before_epoch(self) -> None:
        """Start the clock."""
        self.begun = time.perf_counter()

    def after_epoch(self) -> None:
        """Stop it."""
        self.seconds.append(round(time.perf_counter() - self.begun, 3))


def weights_into(model: nn.Module, path: Path) -> nn.Module:
    """Fill torchvision's ResNet50; the file holds everything but the classifier."""
    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    if unexpected or any(not name.startswith("fc.") for name in missing):
        raise ValueError(f"{path} does not fit: {missing} {unexpected}")
    return model


def set_threads(threads: int) -> None:
    """Equal threads for every peer."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
