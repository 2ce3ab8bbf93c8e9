"""What an exported file says about itself: all that an answer needs besides the graph.

Every value is a text; all but `format`, `task` and `tokenizer.json` are JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from io import BytesIO

from PIL import Image
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.backbones.text import TextBackbone
from graft.export.golden_texts import from_tensors
from graft.network import Network
from graft.types import Json, Task, slices

FORMAT = "graft-onnx 1"
ACTIVATIONS = {
    "classification": "softmax",
    "ordinal": "softmax",
    "multi-label": "sigmoid",
    "regression": "identity",
}
# Pictures are noisy and hardly shrink: the smallest of the golden ones do as a sample.
GOLDEN_PICTURES = 4


def metadata_of(
    network: Network,
    labels: Sequence[str],
    task: str,
    tasks: Sequence[Task],
    inputs: Sequence[str],
    golden: tuple[Mapping[str, Tensor], Tensor],
) -> dict[str, str]:
    """The file's own description.

    Args:
        network: Backbone and head.
        labels: A name for every output.
        task: Such as `classification`.
        tasks: What the outputs mean, in their order.
        inputs: Names of the graph's inputs.
        golden: Golden inputs as they are stored, and their logits.
    """
    backbone, head = network.backbone, network.head
    fields: Json = {
        "labels": list(labels),
        "tasks": _tasks(tasks),
        "preprocess": backbone.spec.to_dict(),
        "backbone": {"name": backbone.name, "architecture": backbone.architecture},
        "head": head.spec,
        "inputs": list(inputs),
        "golden": _golden(backbone, *golden),
    }
    told = {"format": FORMAT, "task": task}
    if isinstance(backbone, TextBackbone):
        fields["tokenizer"] = backbone.tokenizer.facts()
        rules = backbone.tokenizer.rules()
        told |= {} if rules is None else {"tokenizer.json": rules}
    return told | {key: json.dumps(value, ensure_ascii=False) for key, value in fields.items()}


def _tasks(tasks: Sequence[Task]) -> list[Json]:
    """Each with its outputs, as first and last plus one, and what makes answers of them."""
    places = slices(task.outputs for task in tasks)
    return [
        {
            **task.to_dict(),
            "name": task.name,
            "outputs": [place.start, place.stop],
            "activation": ACTIVATIONS[task.kind],
        }
        for task, place in zip(tasks, places, strict=True)
    ]


def _golden(backbone: Backbone, stored: Mapping[str, Tensor], logits: Tensor) -> Json:
    """Inputs with their logits: texts as they are, pictures as PNG in base64."""
    if backbone.modality == "text":
        texts = from_tensors(dict(stored))
        rows = [[text.content, *([text.second] if text.second else [])] for text in texts]
        return {"inputs": rows, "logits": logits.tolist()}
    names = sorted(stored)
    order = sorted(range(len(names)), key=lambda row: stored[names[row]].numel())
    kept = order[:GOLDEN_PICTURES]
    pictures = [_png(stored[names[row]]) for row in kept]
    return {"inputs": pictures, "logits": logits[kept].tolist()}


def _png(picture: Tensor) -> str:
    buffer = BytesIO()
    Image.fromarray(picture.numpy()).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
