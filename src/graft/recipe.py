"""The recipe: every choice of a run, as a value that can be written down and run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.errors import DataError, UserError, unknown_name
from graft.types import Json

LARGEST_RECIPE, DEEPEST_RECIPE = 2**16, 20
"""Bytes, and lists within lists, with whose square the time grows that reading takes."""


class Recipe(BaseModel):
    """The choices of `graft fit`. A field left at None is chosen by graft and then written down.

    Attributes:
        data: Folder, table, archive or hub name; None when an object was passed in Python.
        input: Column of paths, pictures or texts, in tables; two with a comma for pairs of texts.
        label: Column of labels, in tables.
        group: Column whose values must not be split over train and test.
        test: Another source that becomes the test set.
        labels: Several label columns with commas between them, one task each.
        task: `classification`, `ordinal`, `multi-label` or `regression`, or one per label column
            with commas between them; None finds out from the data. `translation` has to be named.
        order: Classes from the lowest to the highest with commas between them, for `ordinal`; None
            where each name holds a number.
        validation: Share of the training rows held out for early stopping.
        bad_files: Share of the inputs that may be unreadable; with more of them a run stops.
        backbone: `bundled`, a timm name or a folder; for texts `minilm`, a name or folder of
            transformers. None takes `bundled` for pictures and `minilm` for texts.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of the checkpoint's.
        long: What becomes of longer texts: `truncate`, `head-tail` or `chunks`.
        pooling: Of token vectors: `mean`, `unit-mean`, `cls` or `max`; None: the checkpoint's own.
        source_language: Of translation, the tokenizer's code of the texts' language.
        target_language: The same of the translations'.
        prefix: What stands before every text that is translated; None takes the checkpoint's.
        beams: Width of the beam that looks for translations; None takes the checkpoint's, else 4.
        length_penalty: Of the beam; None takes the checkpoint's, else 1.
        head: `linear`, or `mlp:WIDTH[,WIDTH]`.
        dropout: Share of features dropped in front of the head's last layer.
        strategy: A name of `graft.strategies.STRATEGIES`, perhaps with modifiers, as in
            `lp-ft+ema`; None chooses by cost.
        scenario: A name of `graft.scenarios.SCENARIOS`; None takes `standard`, or `multi-task` for
            several label columns.
        epochs: Largest number of epochs of a gradient phase.
        batch_size: Rows per batch; of translations, batches have as many tokens as so many pairs
            of mean length.
        accumulate: Batches whose gradients make one optimizer step.
        micro_batch: Rows of a batch whose gradients are computed at a time; None takes all, and
            half as many where memory runs out, which is then written down.
        lr: Learning rate; None takes the strategy's, fitted to the backbone's family.
        optimizer: `adamw`, `adam`, `sgd` or `schedule-free`.
        schedule: `cosine`, `linear`, `warm-up` or `constant`; None takes the optimizer's.
        clip: Largest norm of the gradient; 0 for any.
        weight_decay: Pull on matrices and filters.
        label_smoothing: Share of the target spread over all classes; None takes 0, for
            translation 0.1.
        class_weights: `auto`, `none`, `sqrt` or `balanced`.
        loss: Of classes and labels, `cross-entropy` or `focal[:GAMMA]`.
        regression_loss: Of quantities, `squared` or `huber`.
        balance: Of the losses of several tasks, `start`, `famo` or `none`.
        augment: `none`, `light`, `standard` or `randaugment`: fresh in every epoch where nothing is
            frozen, as stored views where something is.
        views: Pictures of each training row (the plain one and augmented ones) whose frozen
            outputs are stored; None takes the plain one alone.
        mix: `none`, `mixup[:ALPHA]` or `cutmix[:ALPHA]` where nothing is frozen, or
            `manifold[:ALPHA]`, which also blends stored outputs of frozen blocks.
        sampling: `shuffled`, or `balanced`: every class equally often.
        patience: Epochs without a better validation loss before a phase stops.
        seed: Of splits, heads, orders and augmentations.
        device: `auto`, `cpu`, `cuda` or `mps`.
        storage: Type in which the bank keeps frozen outputs: `float32` or `float16`.
        engine: What computes frozen blocks: `auto`, `eager`, `folded`, `packed`, `onnxruntime`,
            `half`, `bfloat16` or `compiled`; `auto` takes the one whose values are in the bank, or
            the fastest in float32, on GPUs in float16 too.
        prefix_batch: Rows that frozen blocks compute at a time; None takes what fits into memory.
            Texts: of up to 16 tokens; of longer ones as many as have the same number of tokens.
        precision: `auto`, `float32`, or `bfloat16` for gradient training and frozen blocks of
            pictures; `auto` is bfloat16 on GPUs that have it, and float32 elsewhere.
        threads: CPU threads; None takes what PyTorch takes and writes it down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: str | None = None
    input: str | None = None
    label: str | None = None
    group: str | None = None
    test: str | None = None
    labels: str | None = None
    task: str | None = None
    order: str | None = None
    validation: float = Field(default=0.2, ge=0.0, lt=1.0)
    bad_files: float = Field(default=0.05, ge=0.0, le=1.0)
    backbone: str | None = None
    weights: str = "pretrained"
    size: int | None = Field(default=None, ge=8, le=4096)
    long: str = "truncate"
    pooling: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    prefix: str | None = None
    beams: int | None = Field(default=None, ge=1, le=64)
    length_penalty: float | None = Field(default=None, ge=-10.0, le=10.0)
    head: str = "linear"
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    strategy: str | None = None
    scenario: str | None = None
    epochs: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=1)
    accumulate: int = Field(default=1, ge=1)
    micro_batch: int | None = Field(default=None, ge=1)
    lr: float | None = Field(default=None, gt=0.0)
    optimizer: str = "adamw"
    schedule: str | None = None
    clip: float = Field(default=1.0, ge=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    label_smoothing: float | None = Field(default=None, ge=0.0, lt=1.0)
    class_weights: str = "auto"
    loss: str = "cross-entropy"
    regression_loss: str = "squared"
    balance: str = "start"
    augment: str = "light"
    mix: str = "none"
    sampling: str = "shuffled"
    views: int | None = Field(default=None, ge=1, le=64)
    patience: int = Field(default=8, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    device: str = "auto"
    storage: str = "float32"
    engine: str = "auto"
    prefix_batch: int | None = Field(default=None, ge=1, le=4096)
    precision: str = "auto"
    threads: int | None = Field(default=None, ge=1)

    def to_yaml(self) -> str:
        """The recipe as `recipe.yaml` holds it."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)

    def write(self, path: Path) -> None:
        """Write the recipe as YAML."""
        path.write_text(self.to_yaml(), encoding="utf-8")


def make_recipe(fields: Json) -> Recipe:
    """A recipe from named choices.

    Raises:
        UnknownNameError: A choice has no such name.
        UserError: A choice is out of its range.
    """
    for name in fields:
        if name not in Recipe.model_fields:
            raise unknown_name("setting", str(name)[:80], Recipe.model_fields)
    try:
        return Recipe(**fields)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"The setting {name} is {first['input']!r:.200}",
            allowed=_lower_first(first["msg"]),
            next=f"change {name}",
        ) from problem


def read_recipe(path: Path, changes: Json) -> Recipe:
    """A recipe from a YAML file, with some choices changed.

    Raises:
        DataError: The file is missing or is not a recipe.
        UnknownNameError: It names a choice that does not exist.
    """
    try:
        fields: Any = _load_yaml(path)
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise DataError(
            f"The recipe {path} cannot be read ({problem.__class__.__name__})",
            allowed="a recipe.yaml as every run folder holds one",
            next="check the path",
        ) from problem
    if not isinstance(fields, dict):
        raise DataError(
            f"The recipe {path} holds no settings",
            allowed="lines of the form 'setting: value'",
            next="compare it with the recipe.yaml of a run folder",
        )
    return make_recipe({**fields, **changes})


def _load_yaml(path: Path) -> Any:
    """Plain settings: no aliases, by which a few lines stand for any number of values.

    Raises:
        OSError, ValueError, yaml.YAMLError: It is not that.
    """
    status = path.stat()
    if not S_ISREG(status.st_mode) or status.st_size > LARGEST_RECIPE:
        raise ValueError("no small plain file")
    text = path.read_text(encoding="utf-8")
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > DEEPEST_RECIPE:
            raise ValueError("aliases or nesting")
    return yaml.safe_load(text)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def settings_among(arguments: Mapping[str, object]) -> Json:
    """The arguments of a verb that name a setting and were given a value."""
    names = Recipe.model_fields.keys() - {"data"}
    return {name: value for name, value in arguments.items() if name in names and value is not None}


def recipe_for(data: object, changes: Json, recipe: str | Path | None) -> Recipe:
    """The recipe of some choices on a data set.

    Raises:
        DataError: There is none.
    """
    if isinstance(data, (str, Path)):
        changes = {**changes, "data": str(data)}
    chosen = read_recipe(Path(recipe), changes) if recipe else make_recipe(changes)
    if data is None and chosen.data is None:
        raise DataError(
            "No data set was given",
            allowed="a folder, a table, an .npz archive, a CIFAR folder, a data set object",
            next="name one, or give a recipe that does",
        )
    return chosen
