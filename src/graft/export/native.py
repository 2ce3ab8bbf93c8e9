"""Saving a network so that timm opens it, and opening it with proof that it answers as before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graft.backbones import timm_models
from graft.backbones.backbone import Backbone
from graft.backbones.calls import evaluation
from graft.backbones.load import load_backbone
from graft.errors import BackboneError, GraftError, ModelError
from graft.export import golden, manifest
from graft.export.card import model_card, snippet
from graft.export.folder import appearing
from graft.export.manifest import SEPARATE, TIMM, Manifest
from graft.heads.build import build_head
from graft.heads.head import Head
from graft.network import Network
from graft.types import ByteArray, Json, PreprocessSpec

CONFIG, WEIGHTS, HEAD = "config.json", "model.safetensors", "head.safetensors"
GOLDEN, CARD, LOADER = "golden.safetensors", "README.md", "load.py"


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What was written.

    Attributes:
        folder: Where.
        format: `timm` or `backbone+head`.
        load: Python that opens it without graft.
    """

    folder: Path
    format: str
    load: str


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that answered its golden pictures as it did when it was saved.

    Attributes:
        network: In evaluation mode, on the CPU.
        labels: Label names, in the order of the logits.
        task: Such as `classification`.
        spec: How a picture becomes an input.
        extras: What the caller of `save_model` added.
        format: `timm` or `backbone+head`.
        score: How far the golden logits lay apart.
    """

    network: Network
    labels: tuple[str, ...]
    task: str
    spec: PreprocessSpec
    extras: Json
    format: str
    score: golden.Score


def save_model(
    folder: Path, network: Network, labels: Sequence[str], task: str, extra: Json
) -> SavedModel:
    """Write a network, its labels and preprocessing, and golden pictures with their logits.

    Where the head is one linear layer and the architecture's own classifier is one on the same
    features, the folder is a native timm model. Otherwise it is the native backbone with
    `head.safetensors` and a `load.py` that needs torch and timm alone. The folder appears only
    after it was opened again and gave the same answers.

    Args:
        folder: A new folder, an empty one, or an earlier model, which is replaced.
        network: Backbone and head.
        labels: Label names, in the order of the logits.
        task: Such as `classification`.
        extra: Anything JSON can hold, found again as `LoadedModel.extras`; `metrics` is shown in
            the model card.

    Raises:
        OutputError: The folder holds something else or cannot be written.
        ModelError: The written model answers differently.
    """
    if len(labels) != network.head.classes:
        raise ValueError(f"{len(labels)} labels for {network.head.classes} logits")
    backbone = network.backbone
    pictures = golden.golden_pictures()
    inputs = golden.golden_inputs(pictures, backbone.spec)
    logits = golden.golden_logits(network, inputs)
    native = _native(network, inputs, logits)
    description = _describe(network, labels, task, extra, TIMM if native else SEPARATE)
    with appearing(folder, manifest.FILE) as temporary:
        _write_weights(temporary, network, native)
        manifest.write_json(temporary / CONFIG, _config(backbone, description))
        manifest.write_json(temporary / manifest.FILE, description.to_dict())
        _write_golden(temporary, pictures, logits, description)
        card = model_card(description, folder)
        (temporary / CARD).write_text(card, encoding="utf-8")
        load_model(temporary)
    return SavedModel(folder, description.format, snippet(description, folder))


def load_model(folder: Path) -> LoadedModel:
    """Open a saved model and put its golden pictures through it.

    Raises:
        ModelError: A file is missing or damaged, the files contradict each other, or an answer
            moved by more than 1e-3 of the largest golden logit.
    """
    description = _checked_manifest(folder)
    try:
        backbone = load_backbone(f"local-dir:{folder}")
    except BackboneError as error:
        raise ModelError(f"The weights in {folder} do not open: {error.found}") from error
    _check_preprocessing(folder, backbone.spec, description)
    backbone.name = description.backbone["name"]
    backbone.origin = description.backbone["source"]
    backbone.spec = description.preprocess
    network = Network(backbone, _read_head(folder, backbone, description)).eval()
    score = _rescore(folder, network, description)
    return LoadedModel(
        network,
        description.labels,
        description.task,
        description.preprocess,
        description.extras,
        description.format,
        score,
    )


# Writing.


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
        found = native(inputs)
    return native if golden.compare(found, logits).agrees else None


def _describe(
    network: Network, labels: Sequence[str], task: str, extra: Json, form: str
) -> Manifest:
    backbone, head = network.backbone, network.head
    return Manifest(
        format=form,
        labels=tuple(labels),
        task=task,
        head={"spec": head.spec, "features": head.features, "classes": head.classes},
        preprocess=backbone.spec,
        backbone={
            "name": backbone.name,
            "architecture": backbone.architecture,
            "source": backbone.origin,
        },
        extras=extra,
    )


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


def _write_weights(folder: Path, network: Network, native: nn.Module | None) -> None:
    _write_tensors(folder / WEIGHTS, (native or network.backbone.model).state_dict())
    if native is not None:
        return
    layers = enumerate(network.head.layers())
    tensors = {f"{i}.{kind}": t for i, pair in layers for kind, t in zip(_KINDS, pair, strict=True)}
    _write_tensors(folder / HEAD, tensors)
    source = Path(__file__).with_name("load_alone.py").read_text(encoding="utf-8")
    (folder / LOADER).write_text(source, encoding="utf-8")


_KINDS = ("weight", "bias")


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    # A copy of each: the format refuses tensors that share memory.
    whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(whole, path, metadata={"format": "pt"})


def _write_golden(
    folder: Path, pictures: list[ByteArray], logits: Tensor, description: Manifest
) -> None:
    tensors = {f"picture.{i:02}": torch.from_numpy(p) for i, p in enumerate(pictures)}
    # One entry: the format writes several in no fixed order, and equal models are equal bytes.
    seals = {"seals": f"{description.digest} {_weights_digest(folder)}"}
    save_file({**tensors, "logits": logits.contiguous()}, folder / GOLDEN, metadata=seals)


def _weights_digest(folder: Path) -> str:
    """SHA-256 over the SHA-256 of every file that holds weights."""
    digests = []
    for path in (folder / WEIGHTS, folder / HEAD):
        if path.is_file():
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").digest())
    return hashlib.sha256(b"".join(digests)).hexdigest()


# Reading.


def _checked_manifest(folder: Path) -> Manifest:
    needed = [manifest.FILE, CONFIG, WEIGHTS, GOLDEN]
    _require(folder, needed)
    description = manifest.read_manifest(folder)
    if description.format == SEPARATE:
        _require(folder, [HEAD])
    if _seals(folder)[0] != description.digest:
        raise ModelError(
            f"{folder / manifest.FILE} is not the one the model was saved with: labels, "
            "preprocessing or head were changed",
            next="restore the folder, or save the model again",
        )
    config = manifest.read_json(folder / CONFIG)
    if description.format == TIMM and config.get("label_names") != list(description.labels):
        raise ModelError(
            f"The labels in {folder / CONFIG} and {folder / manifest.FILE} differ",
            next="restore the folder, or save the model again",
        )
    return description


def _seals(folder: Path) -> tuple[str, str]:
    """The digests of description and weights that were taken when the model was saved."""
    try:
        with safe_open(folder / GOLDEN, framework="pt") as file:
            description, _, weights = (file.metadata() or {}).get("seals", "").partition(" ")
    except (SafetensorError, OSError) as error:
        raise _damaged(folder / GOLDEN, error) from error
    return description, weights


def _require(folder: Path, names: Sequence[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} is not a whole model: it lacks {', '.join(missing)}",
            allowed="a folder that graft saved",
        )


def _damaged(path: Path, error: BaseException) -> ModelError:
    return ModelError(f"{path} is damaged: {error}", next="restore it, or save the model again")


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


def _read_head(folder: Path, backbone: Backbone, description: Manifest) -> Head:
    fields = description.head
    try:
        head = build_head(fields["spec"], fields["features"], fields["classes"])
        if description.format == TIMM:
            classifier = str(backbone.config["pretrained_cfg"]["classifier"])
            tensors, names = load_file(folder / WEIGHTS), [classifier]
        else:
            tensors = load_file(folder / HEAD)
            names = [str(number) for number in range(len(tensors) // 2)]
        head.set_layers([(tensors[f"{n}.weight"], tensors[f"{n}.bias"]) for n in names])
    except (GraftError, SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"The head in {folder} is not the one described: {error}",
            next="restore the folder, or save the model again",
        ) from error
    return head


def _rescore(folder: Path, network: Network, description: Manifest) -> golden.Score:
    try:
        tensors = load_file(folder / GOLDEN)
        expected = tensors.pop("logits")
    except (SafetensorError, OSError, KeyError) as error:
        raise _damaged(folder / GOLDEN, error) from error
    pictures = [tensors[name].numpy() for name in sorted(tensors)]
    inputs = golden.golden_inputs(pictures, description.preprocess)
    found = golden.golden_logits(network, inputs)
    if found.shape != expected.shape:
        raise ModelError(
            f"The model in {folder} gives {tuple(found.shape)} logits, saved were "
            f"{tuple(expected.shape)}"
        )
    score = golden.compare(found, expected)
    if not score.agrees:
        raise ModelError(
            f"The model in {folder} does not answer as when it was saved: logits moved by "
            f"{score.difference:.3g}, allowed is {score.tolerance:.3g}",
            next="restore the folder, or save the model again",
        )
    if _seals(folder)[1] != _weights_digest(folder):
        raise ModelError(
            f"The weights in {folder} are not the ones the model was saved with, although they "
            "answer alike",
            next="restore the folder, or save the model again",
        )
    return score
