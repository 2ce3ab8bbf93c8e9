"""A saved model that translates: a folder in transformers' layout, head and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from graft.backbones import seq2seq_models
from graft.backbones.backbone import Backbone
from graft.backbones.collate import padded
from graft.backbones.load_seq2seq import PairSettings, load_seq2seq
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.data.texts import Text
from graft.errors import ModelError
from graft.export.golden_texts import as_tensors, from_tensors, golden_texts
from graft.export.manifest import TRANSFORMERS, Manifest, read_json
from graft.network import Network
from graft.types import PairSpec

GOLDEN_WORDS = 13
GENERATION = "generation_config.json"

_OPEN = """\
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{folder}")
model = AutoModelForSeq2SeqLM.from_pretrained("{folder}").eval()
tokens = tokenizer({text!r}, truncation=True, max_length={longest}, return_tensors="pt")
print(tokenizer.batch_decode(model.generate(**tokens), skip_special_tokens=True)[0])"""


class PairLayout:
    """See `graft.export.layout.Layout`."""

    native = TRANSFORMERS

    def golden(self) -> dict[str, Tensor]:
        """Short generated texts, each with its words backwards as the translation."""
        short = [t for t in golden_texts() if len(t.content.split()) <= GOLDEN_WORDS]
        pairs = [Text(t.content, t.name, " ".join(t.content.split()[::-1])) for t in short]
        return as_tensors(pairs)

    def inputs(self, stored: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        """The pairs tokenised, and cut where they are too long."""
        texts, model = from_tensors(dict(stored)), _pair(backbone)
        rows, _ = model.tokenizer.pack(
            [text.content for text in texts], [str(text.second) for text in texts], model.spec
        )
        return torch.from_numpy(padded(rows, max(map(len, rows))))

    def build_native(
        self,
        network: Network,
        labels: Sequence[str],  # noqa: ARG002 - there are none
        inputs: Tensor,  # noqa: ARG002 - it is the whole model that was trained
        logits: Tensor,  # noqa: ARG002 - the same
    ) -> nn.Module | None:
        """The native model itself, whose output layer is the head."""
        return network.backbone.model

    def write(
        self,
        folder: Path,
        network: Network,
        native: nn.Module | None,  # noqa: ARG002 - it is the backbone's
        description: Manifest,  # noqa: ARG002 - nothing of it belongs there
    ) -> None:
        """Configuration, weights, decoding and tokenizer."""
        seq2seq_models.save(_pair(network.backbone), folder)

    def open(self, folder: Path, description: Manifest) -> Backbone:
        """The encoder-decoder and its tokenizer."""
        spec = _spec(description)
        settings = PairSettings(
            spec.source_language,
            spec.target_language,
            spec.prefix,
            int(read_json(folder / GENERATION).get("num_beams") or 1),
        )
        backbone = load_seq2seq(str(folder), settings, size=spec.max_source)
        if backbone.spec != spec:
            raise ModelError(
                f"The tokenizer in {folder} is not the one the model was saved with",
                next="restore the folder, or save the model again",
            )
        return backbone

    def head_layers(
        self, folder: Path, backbone: Backbone, description: Manifest
    ) -> list[tuple[Tensor, Tensor]]:
        """None: the head is the model's own output layer."""
        raise KeyError(f"{folder}, {backbone.name}, {description.task}")

    def snippet(self, description: Manifest, folder: Path) -> str:
        """Python that opens the model without graft and translates a text."""
        spec = _spec(description)
        return _OPEN.format(folder=folder, text=f"{spec.prefix}A text.", longest=spec.max_source)

    def card_input(self, description: Manifest) -> str:
        """Languages, prefix and longest input."""
        spec = _spec(description)
        parts = [f"Texts of at most {spec.max_source} tokens; longer ones are cut at the end."]
        if spec.source_language and spec.target_language:
            parts.append(f"From `{spec.source_language}` to `{spec.target_language}`.")
        if spec.prefix:
            parts.append(f"Every text is preceded by `{spec.prefix}`.")
        return " ".join(parts)


def _pair(backbone: Backbone) -> Seq2SeqBackbone:
    assert isinstance(backbone, Seq2SeqBackbone)
    return backbone


def _spec(description: Manifest) -> PairSpec:
    assert isinstance(description.preprocess, PairSpec)
    return description.preprocess
