"""`graft.json`: what a saved model says about itself, and the digest that seals it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from graft.errors import ModelError
from graft.types import Json, Spec, Task, slices, spec_from_dict

FILE = "graft.json"
TIMM, TRANSFORMERS, SEPARATE = "timm", "transformers", "backbone+head"
FORMATS = (TIMM, TRANSFORMERS, SEPARATE)


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
        extras: What the caller wants to find again; not sealed.
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

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides what an answer means."""
        sealed = {key: value for key, value in self.to_dict().items() if key != "extras"}
        text = json.dumps(sealed, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {
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
        ModelError: It is not what `save_model` writes.
    """
    fields = read_json(folder / FILE)
    try:
        manifest = Manifest(
            format=fields["format"],
            labels=tuple(fields["labels"]),
            task=fields["task"],
            head=fields["head"],
            preprocess=spec_from_dict(fields["preprocess"]),
            backbone=fields["backbone"],
            extras=fields["extras"],
            tasks=tuple(Task.from_dict(task) for task in fields.get("tasks", ())),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / FILE} is not a description of a model: {error!r}",
            next="save the model again",
        ) from error
    if manifest.format not in FORMATS:
        raise ModelError(
            f"{folder / FILE} has the format '{manifest.format}'", allowed=", ".join(FORMATS)
        )
    return manifest


def read_json(path: Path) -> Json:
    """Read a file that holds one JSON object.

    Raises:
        ModelError: It does not.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}", next="save the model again") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} holds no JSON object", next="save the model again")
    return fields


def write_json(path: Path, fields: Json) -> None:
    """Write one JSON object, indented, with a newline at its end."""
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
