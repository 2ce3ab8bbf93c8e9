"""The process's random states, so that what is drawn after a break is what would have been drawn.

Most of what is random in training is drawn by generators of its own, from seed, epoch and batch.
Dropout, and whatever a model draws by itself, goes by the process's generators.
"""

from __future__ import annotations

import random

import numpy as np
import torch

from graft.types import Json


def random_state() -> Json:
    """The states of PyTorch's, NumPy's and Python's generators."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - other libraries draw from it
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": [version, list(numbers), gauss],
    }


def resume_random(state: Json) -> None:
    """Draw on as from when `state` was taken."""
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
