"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Folder of class folders, CSV, JSON lines, Parquet, .npz, CIFAR folder, or hf:NAME.",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder or saved model.")]
Input = Annotated[
    str | None,
    typer.Option("--input", help="Column of paths, pictures or texts; A,B are pairs of texts."),
]
Label = Annotated[str | None, typer.Option("--label", help="Column of labels.")]
Labels = Annotated[
    str | None,
    typer.Option("--labels", metavar="A,B", help="Several label columns, one task each."),
]
Group = Annotated[
    str | None,
    typer.Option("--group", help="Column kept on one side of a split (patient)."),
]
Backbone = Annotated[
    str | None,
    typer.Option("--backbone", help="bundled, minilm, any name of timm or transformers, a folder."),
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", help="pretrained, random or a file. [pretrained]"),
]
Size = Annotated[
    int | None,
    typer.Option("--size", help="Pixels a side, or tokens a text. [the checkpoint's own]"),
]
Long = Annotated[
    str | None,
    typer.Option("--long", help="Too long texts: truncate, head-tail, chunks. [truncate]"),
]
Pooling = Annotated[
    str | None,
    typer.Option("--pooling", help="mean, unit-mean, cls or max. [the checkpoint's]"),
]
SourceLanguage = Annotated[
    str | None,
    typer.Option("--source-language", metavar="CODE", help="Translation: the tokenizer's code."),
]
TargetLanguage = Annotated[
    str | None,
    typer.Option("--target-language", metavar="CODE", help="Translation: the tokenizer's code."),
]
Prefix = Annotated[
    str | None,
    typer.Option("--prefix", help="Translation: before every text. [the checkpoint's own]"),
]
Beams = Annotated[
    int | None, typer.Option("--beams", help="Translation: width. [the checkpoint's, else 4]")
]
LengthPenalty = Annotated[
    float | None, typer.Option("--length-penalty", help="Translation. [the checkpoint's, else 1]")
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps. [auto]")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
