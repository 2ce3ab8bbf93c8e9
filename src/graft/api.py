"""The verbs, as Python functions. The command line calls these and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from graft.backbones.load import list_backbones
from graft.data.columns import Wanted
from graft.errors import DataError
from graft.features import feature_table
from graft.lr_find import lr
from graft.model import Model, Prediction, load
from graft.progress import Progress
from graft.recipe import recipe_for, settings_among
from graft.report import write_report
from graft.run import Finished
from graft.runs.asked import Asked, asked_again, refuse_other_folder
from graft.runs.folder import is_finished
from graft.selection import Ranking, carry_out, parse_budget, rank_backbones
from graft.types import FloatArray, Json
from graft.verbs import bank, doctor, export

__all__ = [
    "backbones",
    "bank",
    "doctor",
    "evaluate",
    "export",
    "features",
    "fit",
    "load",
    "lr",
    "predict",
    "rank",
    "report",
]


def fit(
    data: object = None,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    label: str | None = None,
    labels: Sequence[str] | str | None = None,
    group: str | None = None,
    test: str | None = None,
    task: str | None = None,
    order: Sequence[str] | str | None = None,
    validation: float | None = None,
    bad_files: float | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    size: int | None = None,
    long: str | None = None,
    pooling: str | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    prefix: str | None = None,
    beams: int | None = None,
    length_penalty: float | None = None,
    head: str | None = None,
    dropout: float | None = None,
    strategy: str | None = None,
    scenario: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    accumulate: int | None = None,
    micro_batch: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    schedule: str | None = None,
    clip: float | None = None,
    weight_decay: float | None = None,
    label_smoothing: float | None = None,
    class_weights: str | None = None,
    loss: str | None = None,
    regression_loss: str | None = None,
    balance: str | None = None,
    augment: str | None = None,
    mix: str | None = None,
    sampling: str | None = None,
    views: int | None = None,
    patience: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    storage: str | None = None,
    engine: str | None = None,
    prefix_batch: int | None = None,
    precision: str | None = None,
    threads: int | None = None,
    budget: str | None = None,
    compare: bool = False,
    recipe: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    checkpoint_every: float | None = None,
    progress: Progress | None = None,
) -> Model:
    """Train a model on a data set and write a run folder.

    Every setting left at None keeps its value from `recipe`, or else the default that
    `graft.recipe.Recipe` documents. With a budget, what is left open is chosen by trying:
    backbone, frozen depth, strategy and rate (`graft.selection.search`).

    Args:
        data: Class folders (pictures or .txt files), a table (CSV, JSON lines, Parquet), `.npz`, a
            CIFAR folder, `hf:NAME`, a Hugging Face data set, a dict of columns, (inputs, labels).
        input: Column of paths, pictures or texts, in tables; two with a comma are pairs of texts.
        label: Column of labels, in tables.
        labels: Several label columns, one task each, as a list or with commas between them.
        group: Column whose values must not be split over train and test.
        test: Another source that becomes the test set.
        task: Of `graft.types.KINDS`, or one per label column with commas between; None finds out.
        order: Classes from the lowest to the highest, as a list or with commas, for `ordinal`.
        validation: Share of the training rows held out for early stopping.
        bad_files: Share of the inputs that may be unreadable before the run stops.
        backbone: `bundled`, `minilm`, a name of timm or transformers, a folder; None: no download.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of the checkpoint's.
        long: What becomes of long texts: `truncate`, `head-tail` or `chunks`.
        pooling: Of token vectors; see `graft.recipe.Recipe`.
        source_language: Of translation, the tokenizer's code of the texts' language.
        target_language: The same of the translations'.
        prefix: What stands before every text that is translated.
        beams: Width of the beam that looks for translations.
        length_penalty: Of the beam.
        head: `linear`, or `mlp:WIDTH[,WIDTH]`.
        dropout: Share of features dropped in front of the head's last layer.
        strategy: Of `graft.strategies.STRATEGIES`, and modifiers after plus signs: `top-k:2+ema`.
        scenario: `standard` or `multi-task`.
        epochs: Largest number of epochs of a gradient phase.
        batch_size: Rows per batch.
        accumulate: Batches whose gradients make one optimizer step.
        micro_batch: Rows of a batch computed at a time; None takes all, or what fits into memory.
        lr: Learning rate.
        optimizer: `adamw`, `adam`, `sgd` or `schedule-free`.
        schedule: `cosine`, `linear`, `warm-up` or `constant`.
        clip: Largest norm of the gradient; 0 for any.
        weight_decay: Pull on matrices and filters.
        label_smoothing: Share of the target spread over all classes.
        class_weights: `auto`, `none`, `sqrt` or `balanced`.
        loss: Of classes and labels, `cross-entropy` or `focal[:GAMMA]`.
        regression_loss: Of quantities, `squared` or `huber`.
        balance: Of the losses of several tasks: a name of `graft.objectives.BALANCES`.
        augment: `none`, `light`, `standard` or `randaugment`; as views where frozen.
        views: Stored pictures of each training row; None chooses by rows and cost.
        mix: `none`, `mixup[:ALPHA]`, `cutmix[:ALPHA]` or `manifold[:ALPHA]`.
        sampling: `shuffled` or `balanced`.
        patience: Epochs without a better validation loss before a phase stops.
        seed: Of splits, heads, orders and augmentations.
        device: `auto`, `cpu`, `cuda` or `mps`.
        storage: Type in which the bank keeps frozen outputs: `float32` or `float16`.
        engine: What computes frozen blocks: `auto`, `eager`, `folded`, `packed`, `onnxruntime`,
            `half`, `bfloat16` or `compiled`.
        prefix_batch: Rows that frozen blocks compute at a time; None takes what fits into memory.
        precision: `auto`, `float32`, or `bfloat16` for gradient training and frozen blocks of
            pictures, where the hardware has it.
        threads: CPU threads.
        budget: Time for the search, `90s`, `10m` or `1h`; `backbone` may then name several,
            separated by commas, and without one those that need no network are candidates.
        compare: Whether to set the result beside random weights and frozen features.
        recipe: A `recipe.yaml` to start from.
        out: The run folder; None takes `runs/<time>-<data>`.
        resume: The folder of a run that was killed or stopped. It goes on to the same bytes; its
            own settings hold, and none that contradicts them may be given.
        checkpoint_every: Seconds between two checkpoints; None takes 50 times what one costs.
        progress: Told how far the work is.

    Returns:
        The trained model; its `result` is what `result.json` says.

    Raises:
        UserError: The data, a name, the machine or the output folder is at fault.
    """
    if labels is not None and not isinstance(labels, str):
        labels = ",".join(labels)
    if order is not None and not isinstance(order, str):
        order = ",".join(order)
    changes = settings_among(locals())
    target = Path(out) if out is not None else None
    seconds = parse_budget(budget) if budget is not None else None
    if resume is not None:
        target, again = Path(resume), True
        refuse_other_folder(target, out, recipe)
        if is_finished(target):
            return _finished_before(target, progress)
        asked = asked_again(target, data, changes, budget=seconds, compare=compare)
    else:
        again = False
        backbones = _candidates(changes) if budget else None
        asked = Asked(recipe_for(data, changes, recipe), compare, seconds, backbones)
    _refuse_search(asked)
    finished = carry_out(
        asked, data=data, out=target, progress=progress, again=again, every=checkpoint_every
    )
    write_report(finished.folder)
    return _model_of(finished)


def _finished_before(run: Path, progress: Progress | None) -> Model:
    """The model of a run that has nothing left to do."""
    if progress is not None:
        progress.say(f"The run in {run} is finished.")
    write_report(run)
    return load(run)


def _refuse_search(asked: Asked) -> None:
    """Searches and comparisons rest on labels."""
    if asked.recipe.task == "translation" and (asked.budget is not None or asked.compare):
        raise DataError(
            f"--{'compare' if asked.budget is None else 'budget'} compares figures of labels, and "
            "the task is translation",
            next="leave it away: a run of translation is compared with the model before it",
        )


def _model_of(finished: Finished) -> Model:
    labels, task = tuple(finished.result["labels"]), str(finished.result["task"])
    return Model(finished.network, labels, task, finished.result, finished.folder, finished.tasks)


def _candidates(changes: Json) -> tuple[str, ...] | None:
    """The backbones that a search may choose from, where some are named."""
    named = changes.get("backbone")
    if named is None:
        return None
    if Path(named).expanduser().is_dir():  # a folder's name may hold a comma
        return (named,)
    return tuple(name.strip() for name in named.split(",") if name.strip())


def evaluate(
    model: str | Path | Model,
    data: object,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    label: str | None = None,
    labels: Sequence[str] = (),
    group: str | None = None,
) -> Json:
    """Figures with intervals of a model on a labelled data set; see `Model.evaluate`.

    Raises:
        UserError: The model or the data is at fault.
    """
    return _opened(model).evaluate(data, input=input, label=label, labels=labels, group=group)


def predict(model: str | Path | Model, inputs: object) -> list[Prediction]:
    """One row per input; see `Model.predict`.

    Raises:
        UserError: The model is at fault, or there is nothing to predict.
    """
    return _opened(model).predict(inputs)


def features(
    data: object,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    backbone: str | None = None,
    weights: str = "pretrained",
    size: int | None = None,
    long: str = "truncate",
    device: str = "auto",
) -> FloatArray:
    """(N, D) float32 pooled features, rows in the data's order.

    A row that cannot be read is NaN, and a warning counts such rows.

    Args:
        data: Any source that `fit` takes; labels are not needed.
        input: Column of paths, pictures or texts, in tables; two with a comma are pairs of texts.
        backbone: `bundled`, `minilm`, a name of timm or transformers, a folder; None: no download.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of the checkpoint's.
        long: What becomes of longer texts: `truncate`, `head-tail` or `chunks`.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UserError: The data, a name or the machine is at fault.
    """
    table = feature_table(
        data,
        backbone=backbone,
        weights=weights,
        size=size,
        long=long,
        columns={"input": input, "label": None},
        device=device,
    )
    bad = [error for error in table.errors if error]
    if bad:
        message = f"{len(bad)} of {len(table.errors)} rows could not be read; they are NaN"
        warnings.warn(message, stacklevel=2)
    return table.features


def rank(
    data: object,
    backbones: Sequence[str] | None = None,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    label: str | None = None,
    labels: Sequence[str] = (),
    group: str | None = None,
    test: str | None = None,
    task: str | None = None,
    weights: str = "pretrained",
    size: int | None = None,
    long: str = "truncate",
    pooling: str | None = None,
    rows: int = 2000,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> Ranking:
    """Backbones in order of what their frozen features are worth for a data set.

    Nothing is trained: leave-one-out accuracies of nearest neighbours and of ridge regression
    (of other tasks than one class a row the share of variance explained), LogME and the H-score,
    on the rows that `fit` would train and validate on; with several label columns the mean over
    them. A candidate that cannot be loaded is listed with its reason.

    Args:
        data: Any labelled source that `fit` takes.
        backbones: Names or folders; None takes those that need no network.
        input: Column of paths, pictures or texts, in tables; two with a comma are pairs of texts.
        label: Column of labels, in tables.
        labels: Several label columns.
        group: Column whose values must not be split over train and test.
        test: Another source that becomes the test set, which ranking does not look at.
        task: Of `graft.types.KINDS`, or one per label column with commas between; None finds out.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of each checkpoint's.
        long: What becomes of longer texts: `truncate`, `head-tail` or `chunks`.
        pooling: Of token vectors; see `graft.recipe.Recipe`.
        rows: The largest number of rows to look at, a stratified choice.
        seed: Of the split.
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: Told how far the work is.

    Raises:
        UserError: The data or the machine is at fault, or no candidate can be loaded.
    """
    return rank_backbones(
        data,
        backbones,
        wanted=Wanted(input, label, group, True, tuple(labels), task),
        test=test,
        weights=weights,
        size=size,
        long=long,
        pooling=pooling,
        most_rows=rows,
        seed=seed,
        device=device,
        progress=progress,
    )


def report(folder: str | Path) -> Path:
    """Write `report.html` of a finished run again; returns its path.

    Raises:
        UserError: No finished run stands there, or the folder cannot be written.
    """
    return write_report(Path(folder))


def backbones(pattern: str = "") -> list[str]:
    """Names of backbones that contain or match a pattern; `bundled` needs no download."""
    return list_backbones(pattern)


def _opened(model: str | Path | Model) -> Model:
    return model if isinstance(model, Model) else load(model)
