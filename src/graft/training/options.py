"""The settings of training that a user may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graft.objectives import LossSettings, parse_loss
from graft.recipe import Recipe
from graft.training.schedule import choose_schedule
from graft.types import Task

SAMPLINGS = ("shuffled", "balanced")


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What every gradient phase of a run shares.

    Attributes:
        batch_size: Rows per batch.
        accumulate: Batches whose gradients make one optimizer step.
        micro_batch: Rows of a batch that are computed at a time; None for all.
        lr: Learning rate, or None for the phase's own, fitted to family and optimizer.
        optimizer: A name of `OPTIMIZERS`.
        schedule: A name of `SCHEDULES`.
        weight_decay: Decoupled for AdamW; never on biases and normalisation layers.
        patience: Epochs without a better validation loss before a phase stops.
        augment: Name of the augmentation: fresh in every epoch where nothing is frozen, as
            stored views where something is.
        views: Pictures of each training row that are stored where something is frozen.
        mix: Blends of two rows, a name of `MIXES` or `none`.
        sampling: `shuffled` takes every row once an epoch, `balanced` every class as often.
        clip: Largest norm of the gradient; 0 for any.
        seed: Orders batches and draws augmentations.
        by_tokens: Whether batches hold as many tokens as `batch_size` rows of mean length,
            instead of that many rows.
        precision: A name of `graft.device.PRECISIONS`.
    """

    batch_size: int = 32
    accumulate: int = 1
    micro_batch: int | None = None
    lr: float | None = None
    optimizer: str = "adamw"
    schedule: str = "cosine"
    weight_decay: float = 0.01
    patience: int = 8
    augment: str = "light"
    mix: str = "none"
    sampling: str = "shuffled"
    views: int = 1
    clip: float = 1.0
    seed: int = 0
    by_tokens: bool = False
    precision: str = "auto"


def class_weighting(recipe: Recipe) -> str:
    """The policy for imbalance; balanced batches need no weights besides."""
    chosen = recipe.class_weights
    return "none" if chosen == "auto" and recipe.sampling == "balanced" else chosen


def loss_settings(recipe: Recipe) -> LossSettings:
    """The recipe's settings of losses.

    Raises:
        UnknownNameError: There is no such loss.
    """
    return LossSettings(
        recipe.class_weights,
        recipe.label_smoothing or 0.0,
        recipe.regression_loss,
        parse_loss(recipe.loss),
        balanced=recipe.sampling == "balanced",
    )


def smoothing(recipe: Recipe, tasks: Sequence[Task]) -> float:
    """The user's; else 0.1 for translation (Vaswani et al. 2017, section 5.4), 0 for the rest."""
    if recipe.label_smoothing is not None:
        return recipe.label_smoothing
    return 0.1 if any(task.kind == "translation" for task in tasks) else 0.0


def training_options(recipe: Recipe) -> TrainingOptions:
    """The recipe's settings of gradient phases."""
    return TrainingOptions(
        batch_size=recipe.batch_size,
        accumulate=recipe.accumulate,
        micro_batch=recipe.micro_batch,
        lr=recipe.lr,
        optimizer=recipe.optimizer,
        schedule=choose_schedule(recipe.optimizer, recipe.schedule),
        weight_decay=recipe.weight_decay,
        patience=recipe.patience,
        augment=recipe.augment,
        mix=recipe.mix,
        sampling=recipe.sampling,
        views=recipe.views or 1,
        clip=recipe.clip,
        seed=recipe.seed,
        by_tokens=recipe.task == "translation",
        precision=recipe.precision,
    )
