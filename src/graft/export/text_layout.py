"""A saved model of texts: a folder in transformers' layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from graft.backbones import transformers_models
from graft.backbones.backbone import Backbone
from graft.backbones.calls import evaluation
from graft.backbones.collate import collated
from graft.backbones.load_text import load_text
from graft.backbones.text import TextBackbone
from graft.errors import ModelError
from graft.export import golden
from graft.export.answers import with_answers
from graft.export.golden_texts import as_tensors, from_tensors, golden_texts
from graft.export.layout import CONFIG, HEAD, HERE, LOADER, head_layers, write_head
from graft.export.manifest import FILE, TRANSFORMERS, Manifest
from graft.network import Network
from graft.types import Task, TextSpec

_OPEN_NATIVE = """\
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{folder}")
model = AutoModelForSequenceClassification.from_pretrained("{folder}").eval()
tokens = tokenizer("A text.", truncation=True, max_length={longest}, return_tensors="pt")
logits = model(**tokens).logits
print(model.config.id2label[int(logits.argmax())])"""

_OPEN_SEPARATE = """\
import sys

sys.path.insert(0, "{folder}")
from load import labels, load, preprocess

logits = load()(preprocess(["A text."]))
print(labels()[int(logits.argmax())])"""


class TextLayout:
    """See `graft.export.layout.Layout`."""

    native = TRANSFORMERS

    def golden(self) -> dict[str, Tensor]:
        """Sixteen generated texts as UTF-8 bytes."""
        return as_tensors(golden_texts())

    def inputs(self, stored: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        """The texts tokenised, and cut where they are too long."""
        return collated(from_tensors(dict(stored)), _text(backbone)).to(torch.long)

    def build_native(
        self, network: Network, labels: Sequence[str], inputs: Tensor, logits: Tensor
    ) -> nn.Module | None:
        """The architecture's sequence classifier, where a linear head on the first token fits it.

        Between the first token and the last layer most architectures have a dense layer with an
        activation. It is made to pass features through: small values through tanh, which is linear
        there, or large ones through GELU and ReLU, which are linear there.
        """
        layers, backbone = network.head.layers(), _text(network.backbone)
        if len(layers) != 1 or backbone.spec.pooling != "cls" or backbone.spec.long == "chunks":
            return None
        native = transformers_models.classifier(backbone.model, labels)
        last = transformers_models.output_layer(native, len(labels)) if native else None
        if native is None or last is None:
            return None
        dense = transformers_models.dense_layer(native, last, backbone.num_features)
        for scale, shift in _PASSES if dense is not None else ((1.0, 0.0),):
            _pass_through(last, dense, *layers[0], scale=scale, shift=shift)
            with evaluation(native), torch.no_grad():
                found = _logits(native, backbone, inputs)
            if golden.compare(found, logits).agrees:
                whole: nn.Module = native
                return whole
        return None

    def write(
        self, folder: Path, network: Network, native: nn.Module | None, description: Manifest
    ) -> None:
        """Configuration, weights, tokenizer and pooling; the head's layers beside them."""
        backbone = _text(network.backbone)
        if native is not None:
            config: Any = native.config
            config.problem_type = problem_type(description.tasks)
        transformers_models.save(native or backbone.model, folder)
        backbone.tokenizer.save(folder)
        transformers_models.write_side_files(folder, backbone.spec, backbone.num_features)
        write_head(folder, network.head)
        if description.format != TRANSFORMERS:
            source = (HERE / "load_text_alone.py").read_text(encoding="utf-8")
            (folder / LOADER).write_text(source, encoding="utf-8")

    def open(self, folder: Path, description: Manifest) -> Backbone:
        """The encoder without a classifier, and its tokenizer."""
        spec = _spec(description)
        backbone = load_text(
            str(folder), size=spec.max_length, long=spec.long, pooling=spec.pooling
        )
        if backbone.spec != spec:
            raise ModelError(
                f"The tokenizer in {folder} is not the one the model was saved with",
                next="restore the folder, or save the model again",
            )
        if description.format == TRANSFORMERS:
            named = transformers_models.label_names(folder)
            if named != list(description.labels):
                raise ModelError(
                    f"The labels in {folder / CONFIG} and {folder / FILE} differ",
                    next="restore the folder, or save the model again",
                )
        return backbone

    def head_layers(
        self,
        folder: Path,
        backbone: Backbone,  # noqa: ARG002 - pictures need it
        description: Manifest,  # noqa: ARG002 - pictures need it
    ) -> list[tuple[Tensor, Tensor]]:
        """The layers of `head.safetensors`."""
        return head_layers(load_file(folder / HEAD))

    def snippet(self, description: Manifest, folder: Path) -> str:
        """Python that opens the model without graft and names a text's label."""
        text = _OPEN_NATIVE if description.format == TRANSFORMERS else _OPEN_SEPARATE
        code = text.format(folder=folder, longest=_spec(description).max_length)
        return with_answers(code, description)

    def card_input(self, description: Manifest) -> str:
        """Longest input, pooling, and what becomes of longer texts."""
        spec = _spec(description)
        return (
            f"Texts of at most {spec.max_length} tokens; longer ones: {spec.long}. "
            f"Pooling of token vectors: {spec.pooling}."
        )


# Factor and offset with which a dense layer in front of the activation passes features through.
_PASSES = ((2.0**-12, 0.0), (1.0, 64.0))


def _pass_through(
    last: nn.Linear,
    dense: nn.Linear | None,
    weight: Tensor,
    bias: Tensor,
    *,
    scale: float,
    shift: float,
) -> None:
    """Set the layers so that together they compute `weight x + bias`."""
    with torch.no_grad():
        if dense is not None:
            dense.weight.copy_(torch.eye(len(dense.weight)) * scale)
            dense.bias.fill_(shift)
        wide = weight.detach().double().cpu() / scale
        last.weight.copy_(wide)
        last.bias.copy_(bias.detach().double().cpu() - shift * wide.sum(1))


def _logits(native: nn.Module, backbone: TextBackbone, inputs: Tensor) -> Tensor:
    arguments = backbone.arguments(inputs.to("cpu"))
    logits: Tensor = native(**arguments)[0]
    return logits.float()


def _text(backbone: Backbone) -> TextBackbone:
    assert isinstance(backbone, TextBackbone)
    return backbone


def _spec(description: Manifest) -> TextSpec:
    assert isinstance(description.preprocess, TextSpec)
    return description.preprocess


def problem_type(tasks: Sequence[Task]) -> str | None:
    """What transformers calls a task; None for several, of which it knows nothing.

    >>> problem_type([]), problem_type([Task("regression")]), problem_type([Task("ordinal")])
    ('single_label_classification', 'regression', 'single_label_classification')
    """
    if len(tasks) > 1:
        return None
    if not tasks or tasks[0].one_class:
        return "single_label_classification"
    return "regression" if tasks[0].kind == "regression" else "multi_label_classification"
