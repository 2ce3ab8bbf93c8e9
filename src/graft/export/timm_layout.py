"""A saved model of pictures: a folder in timm's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from graft.backbones import timm_models
from graft.backbones.backbone import Backbone
from graft.backbones.calls import evaluation
from graft.backbones.load import load_backbone
from graft.errors import ModelError
from graft.export import golden
from graft.export.answers import with_answers
from graft.export.layout import (
    CONFIG,
    HEAD,
    HERE,
    LOADER,
    WEIGHTS,
    head_layers,
    write_head,
    write_tensors,
)
from graft.export.manifest import FILE, TIMM, Manifest, read_json, write_json
from graft.network import Network
from graft.types import Json, PreprocessSpec

# Golden inputs on which the native model must agree; the written one answers all of them again.
NATIVE_ROWS = 4

_OPEN_TIMM = """\
import timm
from PIL import Image

model = timm.create_model("local-dir:{folder}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
logits = model(transform(Image.open("picture.jpg").convert("{mode}"))[None])
print(model.pretrained_cfg["label_names"][int(logits.argmax())])"""

_OPEN_SEPARATE = """\
import sys
from PIL import Image

sys.path.insert(0, "{folder}")
from load import labels, load, preprocess

logits = load()(preprocess(Image.open("picture.jpg"))[None])
print(labels()[int(logits.argmax())])"""


class TimmLayout:
    """See `graft.export.layout.Layout`."""

    native = TIMM

    def golden(self) -> dict[str, Tensor]:
        """Sixteen generated pictures, (H, W, 3) uint8."""
        pictures = golden.golden_pictures()
        return {f"picture.{i:02}": torch.from_numpy(p) for i, p in enumerate(pictures)}

    def inputs(self, stored: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        """The pictures decoded, resized and normalised."""
        pictures = [stored[name].numpy() for name in sorted(stored)]
        return golden.golden_inputs(pictures, backbone.spec)

    def build_native(
        self,
        network: Network,
        labels: Sequence[str],  # noqa: ARG002 - written into config.json
        inputs: Tensor,
        logits: Tensor,
    ) -> nn.Module | None:
        """timm's own model, where the head is one linear layer as its classifier is."""
        return _native(network, inputs, logits)

    def write(
        self, folder: Path, network: Network, native: nn.Module | None, description: Manifest
    ) -> None:
        """timm's `config.json` and weights; a head of another form beside them."""
        write_json(folder / CONFIG, _config(network.backbone, description))
        write_tensors(folder / WEIGHTS, (native or network.backbone.model).state_dict())
        if native is None:
            write_head(folder, network.head)
            source = (HERE / "load_alone.py").read_text(encoding="utf-8")
            (folder / LOADER).write_text(source, encoding="utf-8")

    def open(self, folder: Path, description: Manifest) -> Backbone:
        """timm's model without classifier."""
        config = read_json(folder / CONFIG)
        if description.format == TIMM and config.get("label_names") != list(description.labels):
            raise ModelError(
                f"The labels in {folder / CONFIG} and {folder / FILE} differ",
                next="restore the folder, or save the model again",
            )
        backbone = load_backbone(f"local-dir:{folder}")
        _check_preprocessing(folder, backbone.spec, description)
        assert isinstance(description.preprocess, PreprocessSpec)
        backbone.spec = description.preprocess
        return backbone

    def head_layers(
        self, folder: Path, backbone: Backbone, description: Manifest
    ) -> list[tuple[Tensor, Tensor]]:
        """timm's classifier, or the layers of `head.safetensors`."""
        if description.format != TIMM:
            return head_layers(load_file(folder / HEAD))
        name = str(backbone.config["pretrained_cfg"]["classifier"])
        tensors = load_file(folder / WEIGHTS)
        return [(tensors[f"{name}.weight"], tensors[f"{name}.bias"])]

    def snippet(self, description: Manifest, folder: Path) -> str:
        """Python that opens the model without graft and names a picture's label."""
        text = _OPEN_TIMM if description.format == TIMM else _OPEN_SEPARATE
        mode = "L" if _spec(description).channels == 1 else "RGB"
        return with_answers(text.format(folder=folder, mode=mode), description)

    def card_input(self, description: Manifest) -> str:
        """Size, channels and normalisation."""
        spec = _spec(description)
        height, width = spec.size
        return (
            f"{height} x {width} pixels, {spec.channels} channels ({spec.channel_order}), "
            f"{spec.interpolation} interpolation, crop {spec.crop_mode} {spec.crop_pct:g}, "
            f"mean {_numbers(spec.mean)}, standard deviation {_numbers(spec.std)}."
        )


def _spec(description: Manifest) -> PreprocessSpec:
    assert isinstance(description.preprocess, PreprocessSpec)
    return description.preprocess


def _native(network: Network, inputs: Tensor, logits: Tensor) -> nn.Module | None:
    """The architecture's own model with the head as its classifier, if it computes the same."""
    layers, head = network.head.layers(), network.head
    if len(layers) != 1 or network.backbone.spec.channel_order != "RGB":
        return None
    native = timm_models.native_model(network.backbone.config, head.classes)
    name = timm_models.linear_classifier(native, head.features)
    if name is None:
        return None
    weight, bias = layers[0]
    state = network.backbone.model.state_dict()
    state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    if state.keys() != native.state_dict().keys():
        return None
    native.load_state_dict(state)
    with evaluation(native), torch.no_grad():
        found = native(inputs[:NATIVE_ROWS])
    return native if golden.compare(found, logits[:NATIVE_ROWS]).agrees else None


def _config(backbone: Backbone, description: Manifest) -> Json:
    """timm's `config.json`."""
    classes = len(description.labels) if description.format == TIMM else 0
    cfg = {**backbone.config["pretrained_cfg"], "num_classes": classes}
    named = {"label_names": list(description.labels)} if classes else {}
    return {
        "architecture": backbone.architecture,
        "num_classes": classes,
        "num_features": backbone.num_features,
        **named,
        "model_args": {**backbone.config["model_args"], "num_classes": classes},
        "pretrained_cfg": cfg,
    }


def _check_preprocessing(folder: Path, found: PreprocessSpec, description: Manifest) -> None:
    wanted = description.preprocess.to_dict()
    different = [
        f"{key} {value} for {wanted[key]}"
        for key, value in found.to_dict().items()
        if value != wanted[key] and key != "channel_order"  # timm's files cannot say BGR
    ]
    if different:
        raise ModelError(
            f"The preprocessing in {folder / CONFIG} is not the model's: {'; '.join(different)}",
            next="restore the folder, or save the model again",
        )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
