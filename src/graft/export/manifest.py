"""`graft.json`: what a saved model says about itself."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from graft.backbones.json_file import read_object
from graft.backbones.sound import is_count
from graft.errors import ModelError
from graft.types import (
    KINDS,
    LONG_TEXTS,
    POOLINGS,
    Json,
    PairSpec,
    PreprocessSpec,
    Spec,
    Task,
    TextSpec,
    output_names,
    slices,
    spec_from_dict,
)

FILE = "graft.json"
# Of the folder: raised when releases before and after a change cannot read each other's.
VERSION = 3
TIMM, TRANSFORMERS, SEPARATE = "timm", "transformers", "backbone+head"
FORMATS = (TIMM, TRANSFORMERS, SEPARATE)
BACKBONE = ("name", "architecture", "source")
# A side of a picture, and the tokens of a text, beyond which something must be wrong.
MOST_PIXELS, MOST_TOKENS = 16_384, 1_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """A saved model's description.

    Attributes:
        format: `timm` or `transformers` (one native model), or `backbone+head`.
        labels: Label names, in the order of the logits.
        task: Such as `classification`.
        head: The head's `spec`, `features` and `classes`.
        preprocess: How a picture or a text becomes an input.
        backbone: Its `name` and `architecture`, and the `source` of its pretrained weights.
        extras: What the caller wants to find again.
        tasks: What the outputs mean, in their order; empty for one task of classes.
    """

    format: str
    labels: tuple[str, ...]
    task: str
    head: Json
    preprocess: Spec
    backbone: Json
    extras: Json = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {
            "version": VERSION,
            "format": self.format,
            "labels": list(self.labels),
            "task": self.task,
            "head": self.head,
            "preprocess": self.preprocess.to_dict(),
            "backbone": self.backbone,
            "extras": self.extras,
            **({"tasks": self._tasks()} if self.tasks else {}),
        }

    def _tasks(self) -> list[Json]:
        """Each task with the outputs that belong to it, as first and last plus one."""
        places = slices(task.outputs for task in self.tasks)
        return [
            {"name": task.name, **task.to_dict(), "outputs": [place.start, place.stop]}
            for task, place in zip(self.tasks, places, strict=True)
        ]


def read_manifest(folder: Path) -> Manifest:
    """Read `graft.json`.

    Raises:
        ModelError: It is not what `save_model` writes, or another version of it.
    """
    fields = check_version(folder)
    try:
        manifest = Manifest(
            format=_text(fields["format"]),
            labels=_texts(fields["labels"]),
            task=_text(fields["task"]),
            head=dict(fields["head"]),
            preprocess=_checked_spec(spec_from_dict(dict(fields["preprocess"]))),
            backbone={key: _text(fields["backbone"][key]) for key in BACKBONE},
            extras=dict(fields["extras"]),
            tasks=tuple(_task(task) for task in fields.get("tasks", ())),
        )
        _check_outputs(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{folder / FILE} is not a description of a model: {error!r}",
            allowed=f"the {FILE} that was saved",
            next="restore it, or save the model again",
        ) from error
    if manifest.format not in FORMATS:
        raise ModelError(
            f"{folder / FILE} has the format '{manifest.format}'",
            allowed=", ".join(FORMATS),
            next="restore it, or save the model again",
        )
    return manifest


def check_version(folder: Path) -> Json:
    """The fields of `graft.json`, of whatever is in them the version alone checked.

    Raises:
        ModelError: It cannot be read, or it is of another version.
    """
    fields = read_json(folder / FILE)
    if fields.get("version") != VERSION:
        raise ModelError(
            f"{folder / FILE} has the version {fields.get('version')!r}",
            allowed=f"version {VERSION}",
            next="open it with the release of graft that saved it, or save the model again",
        )
    return fields


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is no list")
    return tuple(_text(value) for value in values)


def _task(fields: Json) -> Task:
    column = fields["column"]
    if fields["kind"] not in KINDS:
        raise ValueError(f"there is no kind of task named {fields['kind']!r}")
    return Task(
        fields["kind"], _texts(fields["labels"]), column if column is None else _text(column)
    )


def _check_outputs(manifest: Manifest) -> None:
    """Every output has one label, and belongs to one task."""
    if not manifest.labels and not isinstance(manifest.preprocess, PairSpec):
        raise ValueError("there are no labels")
    if manifest.tasks and output_names(manifest.tasks) != manifest.labels:
        raise ValueError("labels and tasks differ")


def _checked_spec(spec: Spec) -> Spec:
    if isinstance(spec, PairSpec):
        sound = _sound_pair(spec)
    else:
        sound = _sound_text(spec) if isinstance(spec, TextSpec) else _sound_picture(spec)
    if not sound:
        raise ValueError(f"this preprocessing is impossible: {spec.to_dict()}")
    return spec


def _sound_text(spec: TextSpec) -> bool:
    named = spec.long in LONG_TEXTS and spec.pooling in POOLINGS
    return named and is_count(spec.max_length, MOST_TOKENS) and isinstance(spec.tokenizer, str)


def _sound_pair(spec: PairSpec) -> bool:
    languages = (spec.source_language, spec.target_language)
    lengths = (spec.max_source, spec.max_target)
    return (
        all(is_count(length, MOST_TOKENS) for length in lengths)
        and all(code is None or isinstance(code, str) for code in languages)
        and all(isinstance(text, str) for text in (spec.prefix, spec.tokenizer))
    )


def _sound_picture(spec: PreprocessSpec) -> bool:
    numbers = (spec.crop_pct, *spec.mean, *spec.std)
    return (
        len(spec.size) == 2
        and all(is_count(side, MOST_PIXELS) for side in spec.size)
        and all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers)
        and 0 < spec.crop_pct <= 10
        and all(value > 0 for value in spec.std)
        and 0 < len(spec.mean) == len(spec.std)
        and all(isinstance(n, str) for n in (spec.crop_mode, spec.interpolation))
        and spec.channel_order in ("RGB", "BGR")
    )


def read_json(path: Path) -> Json:
    """Read a file that holds one JSON object.

    Raises:
        ModelError: It does not.
    """
    try:
        return read_object(path)
    except (ValueError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}", next="restore it, or save the model again"
        ) from error


def write_json(path: Path, fields: Json) -> None:
    """Write one JSON object, indented, with a newline at its end."""
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
