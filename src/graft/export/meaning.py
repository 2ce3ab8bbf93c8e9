"""What the logits of the golden inputs mean: stored with them, so that labels cannot move alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from graft.errors import ModelError
from graft.export.manifest import Manifest
from graft.types import Json

KEY = "graft"  # one key: the order of several in a file is not fixed


def metadata(description: Manifest, logits: Tensor) -> dict[str, str]:
    """Labels, tasks and the answer to each golden input, as metadata of a safetensors file.

    Args:
        description: Of the model.
        logits: (16, C) of its golden inputs.
    """
    return {KEY: json.dumps(_meaning(description, logits), ensure_ascii=False)}


def check_meaning(path: Path, description: Manifest, logits: Tensor) -> None:
    """Compare what a description calls the outputs with what they were called when it was saved.

    Args:
        path: The file of golden inputs.
        description: Of the model as it is now.
        logits: (16, C) as they were saved.

    Raises:
        ModelError: Labels or tasks have other names, another order or another kind.
        OSError, SafetensorError, KeyError, ValueError, TypeError: The file is damaged.
    """
    with safe_open(path, framework="pt") as file:
        saved = json.loads((file.metadata() or {})[KEY])
    found = _meaning(description, logits)
    changed = [*_changes(saved, found)]
    if changed:
        raise ModelError(
            f"{path.parent} does not mean what it meant when it was saved: {changed[0]}",
            allowed="labels and tasks as they were saved, in their order",
            next="restore the folder, or save the model again",
        )


def _meaning(description: Manifest, logits: Tensor) -> Json:
    """Answers are of one task of classes; of others labels and tasks are all there is to say."""
    one = not description.tasks and len(description.labels) == logits.shape[1]
    best = logits.argmax(dim=1).tolist() if one else []
    return {
        "labels": [*description.labels],
        "task": description.task,
        "tasks": [task.to_dict() for task in description.tasks],
        "answers": [description.labels[place] for place in best],
    }


def _changes(saved: Json, found: Json) -> Iterator[str]:
    for number, (before, now) in enumerate(zip(saved["labels"], found["labels"], strict=False)):
        if before != now:
            yield f"output {number} was '{before}' and is now '{now}'"
    for number, (before, now) in enumerate(zip(saved["answers"], found["answers"], strict=False)):
        if before != now:
            yield f"golden input {number} was answered '{before}' and is now answered '{now}'"
    for key in ("labels", "task", "tasks", "answers"):
        if saved[key] != found[key]:
            yield f"its {key} were {saved[key]} and are now {found[key]}"
