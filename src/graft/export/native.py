"""Saving a network so that its library opens it, and opening it with proof of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.errors import BackboneError, GraftError, ModelError
from graft.export import golden, manifest
from graft.export.card import model_card
from graft.export.checksums import CARD, RESTORE, check_files, seal_of, write_checksums
from graft.export.checksums import FILE as CHECKSUMS
from graft.export.folder import appearing
from graft.export.layout import CONFIG, HEAD, WEIGHTS, Layout
from graft.export.manifest import SEPARATE, Manifest
from graft.export.meaning import check_meaning, metadata
from graft.export.pair_layout import PairLayout
from graft.export.text_layout import TextLayout
from graft.export.timm_layout import TimmLayout
from graft.export.weights import check_network, check_weights
from graft.heads.build import build_head
from graft.heads.head import Head
from graft.heads.kept import KeptHead
from graft.network import Network, kept_head
from graft.types import Json, Spec, Task

GOLDEN = "golden.safetensors"

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {"image": TimmLayout(), "text": TextLayout(), "translation": PairLayout()}
)


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What was written.

    Attributes:
        folder: Where.
        format: `timm`, `transformers` or `backbone+head`.
        load: Python that opens it without graft.
        seal: A digest of all its files; see `graft.export.checksums`.
    """

    folder: Path
    format: str
    load: str
    seal: str


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that answered its golden inputs as it did when it was saved.

    Attributes:
        network: In evaluation mode, on the CPU.
        labels: Label names, in the order of the logits.
        task: Such as `classification`.
        spec: How a picture or a text becomes an input.
        extras: What the caller of `save_model` added.
        format: `timm`, `transformers` or `backbone+head`.
        score: How far the golden logits lay apart.
        tasks: What the outputs mean, in their order.
    """

    network: Network
    labels: tuple[str, ...]
    task: str
    spec: Spec
    extras: Json
    format: str
    score: golden.Score
    tasks: tuple[Task, ...]


def save_model(
    folder: Path,
    network: Network,
    labels: Sequence[str],
    task: str,
    extra: Json,
    tasks: Sequence[Task] = (),
) -> SavedModel:
    """Write a network, its labels and preprocessing, and golden inputs with their logits.

    Where the head is one linear layer and the architecture's own classifier can compute the same,
    the folder is a native model of timm or transformers. Otherwise it is the native backbone with
    `head.safetensors` and a `load.py` that needs torch and that library alone. The folder appears
    only after it was opened again and gave the same answers.

    Args:
        folder: A new folder, an empty one, or an earlier model, which is replaced.
        network: Backbone and head.
        labels: Label names, in the order of the logits.
        task: Such as `classification`.
        extra: Anything JSON can hold, found again as `LoadedModel.extras`; `metrics` is shown in
            the model card.
        tasks: What the outputs mean; may be left out for one task of classes.

    Raises:
        OutputError: The folder holds something else or cannot be written.
        ModelError: The written model answers differently.
    """
    if len(labels) != network.head.classes and not isinstance(network.head, KeptHead):
        raise ValueError(f"{len(labels)} labels for {network.head.classes} logits")
    backbone = network.backbone
    layout = LAYOUTS[backbone.modality]
    stored = layout.golden()
    inputs = layout.inputs(stored, backbone)
    logits = golden.golden_logits(network, inputs)
    native = layout.build_native(network, labels, inputs, logits)
    kinds = () if [task.kind for task in tasks] == ["classification"] else tuple(tasks)
    form = layout.native if native else SEPARATE
    description = _describe(network, labels, task, extra, form, kinds)
    with appearing(folder, manifest.FILE) as temporary:
        layout.write(temporary, network, native, description)
        manifest.write_json(temporary / manifest.FILE, description.to_dict())
        told = metadata(description, logits)
        save_file({**stored, "logits": logits.contiguous()}, temporary / GOLDEN, metadata=told)
        card = model_card(description, folder, layout)
        (temporary / CARD).write_text(card, encoding="utf-8")
        write_checksums(temporary)  # the last file: without it a folder is no model
        load_model(temporary)
        seal = seal_of(temporary)
    return SavedModel(folder, description.format, layout.snippet(description, folder), seal)


def load_model(folder: Path) -> LoadedModel:
    """Open a saved model and put its golden inputs through it.

    Raises:
        ModelError: A file is missing or damaged, the files contradict each other, or an answer
            moved by more than 1e-3 of the largest golden logit.
    """
    description = _checked_manifest(folder)
    layout = LAYOUTS[description.preprocess.modality]
    try:
        backbone = layout.open(folder, description)
    except BackboneError as error:
        raise ModelError(f"The weights in {folder} do not open: {error.found}") from error
    backbone.name = description.backbone["name"]
    backbone.origin = description.backbone["source"]
    network = Network(backbone, _read_head(folder, backbone, layout, description)).eval()
    check_network(network, folder)
    score = _rescore(folder, network, layout, description)
    return LoadedModel(
        network,
        description.labels,
        description.task,
        description.preprocess,
        description.extras,
        description.format,
        score,
        description.tasks or (Task(labels=description.labels),),
    )


# Writing.


def _describe(
    network: Network,
    labels: Sequence[str],
    task: str,
    extra: Json,
    form: str,
    tasks: tuple[Task, ...],
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
        tasks=tasks,
    )


# Reading.


def _checked_manifest(folder: Path) -> Manifest:
    """The description of a folder whose files are the ones that were saved."""
    _require(folder, [manifest.FILE])
    manifest.check_version(folder)
    _require(folder, [CHECKSUMS, CONFIG, WEIGHTS, GOLDEN])
    check_files(folder)
    description = manifest.read_manifest(folder)
    if description.format == SEPARATE:
        _require(folder, [HEAD])
    for path in (folder / WEIGHTS, folder / HEAD):
        if path.is_file():
            check_weights(path)
    return description


def _require(folder: Path, names: Sequence[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} is not a whole model: it lacks {', '.join(missing)}",
            allowed="a folder that graft saved",
            next="restore the folder, or save the model again (a stopped save leaves a part)",
        )


def _damaged(path: Path, error: BaseException) -> ModelError:
    return ModelError(f"{path} is damaged: {error}", next="restore it, or save the model again")


def _read_head(folder: Path, backbone: Backbone, layout: Layout, description: Manifest) -> Head:
    fields = description.head
    kept = kept_head(backbone)
    if kept is not None:
        return kept
    try:
        layers = layout.head_layers(folder, backbone, description)
        # Before anything is built: a width of billions would take the memory.
        found = _described(layers)
        if found != {key: fields.get(key) for key in found}:
            raise ValueError(f"its layers make {found}, described is {fields}")
        head = build_head(fields["spec"], fields["features"], fields["classes"])
        head.set_layers(layers)
    except (GraftError, SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"The head in {folder} is not the one described: {error}", next=RESTORE
        ) from error
    if head.features != backbone.num_features or head.classes != len(description.labels):
        raise ModelError(
            f"The head in {folder} takes {head.features} features and gives {head.classes} "
            f"outputs; the backbone gives {backbone.num_features} and there are "
            f"{len(description.labels)} labels",
            next=RESTORE,
        )
    return head


def _described(layers: Sequence[tuple[Tensor, Tensor]]) -> Json:
    """The spec and the widths of a head of these layers."""
    if not layers or any(weight.ndim != 2 for weight, _ in layers):
        raise ValueError("it has no layers")
    widths = [len(weight) for weight, _ in layers]
    spec = f"mlp:{','.join(map(str, widths[:-1]))}" if len(layers) > 1 else "linear"
    return {"spec": spec, "features": layers[0][0].shape[1], "classes": widths[-1]}


def _rescore(folder: Path, network: Network, layout: Layout, description: Manifest) -> golden.Score:
    try:
        tensors = load_file(folder / GOLDEN)
        expected = tensors.pop("logits")
        inputs = layout.inputs(tensors, network.backbone)
        check_meaning(folder / GOLDEN, description, expected)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise _damaged(folder / GOLDEN, error) from error
    found = golden.golden_logits(network, inputs)
    if found.shape != expected.shape:
        raise ModelError(
            f"The model in {folder} gives {tuple(found.shape)} logits, saved were "
            f"{tuple(expected.shape)}"
        )
    score = golden.compare(found, expected, description.tasks)
    if not score.agrees:
        raise ModelError(
            f"The model in {folder} does not answer as when it was saved: logits moved by "
            f"{score.difference:.3g}, allowed is {score.tolerance:.3g}",
            next=RESTORE,
        )
    return score
