"""The settings of training that a user may choose."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLINGS = ("shuffled", "balanced")


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What every gradient phase of a run shares.

    Attributes:
        batch_size: Rows per batch.
        accumulate: Batches whose gradients make one optimizer step.
        lr: Learning rate, or None for the phase's own, fitted to family and optimizer.
        optimizer: A name of `OPTIMIZERS`.
        schedule: A name of `SCHEDULES`.
        weight_decay: Decoupled for AdamW; never on biases and normalisation layers.
        patience: Epochs without a better validation loss before a phase stops.
        augment: Name of the augmentation; used where nothing is frozen.
        mix: Blends of two rows, a name of `MIXES` or `none`.
        sampling: `shuffled` takes every row once an epoch, `balanced` every class as often.
        clip: Largest norm of the gradient; 0 for any.
        seed: Orders batches and draws augmentations.
    """

    batch_size: int = 32
    accumulate: int = 1
    lr: float | None = None
    optimizer: str = "adamw"
    schedule: str = "cosine"
    weight_decay: float = 0.01
    patience: int = 8
    augment: str = "light"
    mix: str = "none"
    sampling: str = "shuffled"
    clip: float = 1.0
    seed: int = 0
