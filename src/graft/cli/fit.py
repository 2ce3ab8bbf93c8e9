"""`graft fit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from graft.cli.console import Bars, output, print_json
from graft.cli.options import (
    AsJson,
    Backbone,
    Beams,
    Device,
    Group,
    Input,
    Label,
    Labels,
    LengthPenalty,
    Long,
    Pooling,
    Prefix,
    Size,
    SourceLanguage,
    TargetLanguage,
    Weights,
)


def fit(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Folder of class folders, CSV, JSON lines, Parquet, .npz, CIFAR folder, hf:NAME.",
        ),
    ] = None,
    backbone: Backbone = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="linear-probe, head, full, top-k[:K], first-k[:K], lp-ft, contrastive, "
            "gradual[:STEPS], discriminative[:DECAY], norm-only, bias-only, lora[:R], dora[:R] or "
            "l2-sp[:BETA]; "
            "then any of +l2-sp[:BETA] +ema[:DECAY] +wise[:ALPHA] and one of +bn-frozen +bn-live "
            "+bn-reestimate. [lp-ft, or linear-probe if dear]"
        ),
    ] = None,
    head: Annotated[str | None, typer.Option(help="linear or mlp:WIDTH. [linear]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run folder. [runs/<time>-<data>]")
    ] = None,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    labels: Labels = None,
    group: Group = None,
    test: Annotated[
        str | None, typer.Option(metavar="DATA", help="Another source as the test set.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of training rows for early stopping. [0.2]")
    ] = None,
    bad_files: Annotated[
        float | None, typer.Option(help="Share of unreadable inputs that stops the run. [0.05]")
    ] = None,
    weights: Weights = None,
    size: Size = None,
    long: Long = None,
    pooling: Pooling = None,
    source_language: SourceLanguage = None,
    target_language: TargetLanguage = None,
    prefix: Prefix = None,
    beams: Beams = None,
    length_penalty: LengthPenalty = None,
    dropout: Annotated[float | None, typer.Option(help="In front of the last layer. [0]")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="At most this many. [about 300 steps, 8 to 30 epochs]")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per batch. [32]")] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Batches whose gradients make one step. [1]")
    ] = None,
    micro_batch: Annotated[
        int | None, typer.Option(help="Rows of a batch computed at a time. [all that fit]")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate. [by strategy]")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam, sgd or schedule-free. [adamw]")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="cosine, linear, warm-up or constant. [the optimizer's]")
    ] = None,
    clip: Annotated[
        float | None, typer.Option(help="Largest norm of the gradient; 0 for any. [1]")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="[0.01]")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="[0; translation 0.1]")] = None,
    class_weights: Annotated[
        str | None, typer.Option(help="auto, none, sqrt or balanced. [auto]")
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(help="none, light, standard or randaugment: fresh, or views. [light]"),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(help="Stored pictures of each row where frozen. [1, the plain one]"),
    ] = None,
    mix: Annotated[
        str | None, typer.Option(help="none, mixup, cutmix or manifold, with :ALPHA. [none]")
    ] = None,
    sampling: Annotated[
        str | None, typer.Option(help="shuffled, or balanced over classes. [shuffled]")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without a better validation loss. [8]")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="Of classes: cross-entropy or focal[:GAMMA]. [cross-entropy]")
    ] = None,
    regression_loss: Annotated[
        str | None, typer.Option(help="Of quantities: squared or huber. [squared]")
    ] = None,
    balance: Annotated[
        str | None, typer.Option(help="Losses of several tasks: start, famo or none. [start]")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification, ordinal, multi-label, regression; or one per column. [found] Or "
            "translation."
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,..,HIGH", help="Classes in order, for ordinal. [by their numbers]"
        ),
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="standard or multi-task. [found]")] = None,
    seed: Annotated[int | None, typer.Option(help="[0]")] = None,
    device: Device = None,
    storage: Annotated[
        str | None, typer.Option(help="Bank of frozen outputs: float32 or float16. [float32]")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="For frozen blocks: eager, folded, packed, onnxruntime, half, bfloat16, compiled. "
            "[auto]"
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32, or bfloat16 where the hardware has it. [bfloat16 on such GPUs, else "
            "float32]"
        ),
    ] = None,
    prefix_batch: Annotated[
        int | None, typer.Option(help="Rows that frozen blocks compute at a time. [what fits]")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [all cores]")] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Choose backbone (--backbone A,B), depth, strategy and rate in 90s, 10m or 1h.",
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Set beside random weights and frozen features.")
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recipe.yaml to start from.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run that was killed or stopped."),
    ] = None,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="[50 times what a checkpoint takes]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on DATA and write a run folder with model, result and report."""
    choices = {name: value for name, value in locals().items() if name != "as_json"}
    from graft.api import fit as fit_model
    from graft.cli.summary import print_summary

    if resume is None and out is not None and not as_json and _wants_to_go_on(out):
        choices["resume"] = out
    with Bars() as progress:
        model = fit_model(**choices, progress=progress)
    if as_json:
        print_json({**model.result, "run": str(model.folder)})
    else:
        print_summary(output(), model.result, model.folder)


def _wants_to_go_on(out: Path) -> bool:
    """Ask, where someone can answer, whether to take up the unfinished run in a folder."""
    from graft.runs.folder import is_unfinished

    if not (sys.stdin.isatty() and is_unfinished(out)):
        return False
    return typer.confirm(f"The run in {out} did not finish. Go on with it?", default=True, err=True)
