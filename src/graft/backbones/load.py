"""From a name to a backbone."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import nn

from graft.backbones import bundled, hub, timm_models
from graft.backbones.backbone import Backbone, Origin
from graft.backbones.blocks import blocks_of
from graft.backbones.load_text import load_text
from graft.backbones.sound import (
    MOST_WIDTH,
    WEIGHTS,
    check_finite,
    check_kinds,
    check_size,
    is_count,
)
from graft.backbones.text_names import MINILM, USUAL, is_text
from graft.backbones.torchvision_names import model_arguments
from graft.backbones.weights_file import load_weights, read_weights
from graft.errors import BackboneError, UnknownNameError
from graft.types import Json

PRETRAINED, RANDOM = "pretrained", "random"


@dataclass(frozen=True, slots=True)
class _Source:
    """What a name stands for: a folder in timm's layout, or a name of timm's own."""

    name: str
    architecture: str
    config: Json  # pretrained_cfg and model_args, as far as they are known before construction
    folder: Path | None
    shown: str

    @property
    def timm_name(self) -> str:
        return self.name if self.folder is None else f"local-dir:{self.folder}"


def load_backbone(
    name: str,
    *,
    weights: str = PRETRAINED,
    size: int | None = None,
    long: str = "truncate",
    pooling: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Load a pretrained network without its output layer, in evaluation mode.

    Args:
        name: `bundled`; a timm name, with or without tag; `hf-hub:owner/repository`; a folder in
            timm's layout (`config.json` and `model.safetensors`), also as `local-dir:FOLDER`. Of
            texts: `minilm`, a hub name such as `bert-base-uncased`, a folder of transformers.
        weights: `pretrained`, `random`, or a file of weights in timm's naming, or torchvision's
            for ResNet, VGG, MobileNet V2 and V3. Preprocessing stays that of `name`.
        size: Height and width of the input in pixels, or longest text in tokens, where they
            differ from the checkpoint's.
        long: What becomes of longer texts: `truncate`, `head-tail` or `chunks`.
        pooling: Of token vectors: `mean`, `cls` or `max`; None takes the checkpoint's own.
        seed: Seed of random weights; torch's global random state is left alone.

    Raises:
        UnknownNameError: timm has no such model or tag.
        BackboneError: The weights or the size do not fit the architecture.
        NetworkError: The weights must be downloaded and the network cannot be reached.

    >>> backbone = load_backbone("test_resnet", weights="random", size=64)
    >>> [block.name for block in backbone.blocks]
    ['stem', 'layer1.0', 'layer2.0', 'layer3.0', 'layer4.0']
    >>> backbone(torch.zeros(2, 3, 64, 64)).shape == (2, backbone.num_features)
    True
    """
    if is_text(name):
        return load_text(name, weights=weights, size=size, long=long, pooling=pooling, seed=seed)
    source = _resolve(name, needs_weights=weights == PRETRAINED)
    args = _arguments(source, size)
    if weights == PRETRAINED:
        model, origin = _pretrained(source, args), source.shown
        if source.folder is not None:
            check_kinds(source.folder / WEIGHTS, model)
        timm_models.remove_classifier(model)
    elif weights == RANDOM:
        model, origin = _built(source, args, seed), RANDOM
    else:
        state = read_weights(Path(weights).expanduser())
        args |= model_arguments(state, source.architecture)
        model, origin = _built(source, args, None), weights
        load_weights(model, state, source.architecture, weights)
    check_finite(model, origin)
    return _wrapped(source, model, args, size, origin)


def modality_of(name: str) -> str:
    """`image` or `text`: what a backbone of this name takes; nothing is loaded to tell."""
    return "text" if is_text(name) else "image"


def list_backbones(pattern: str = "") -> list[str]:
    """Names that `load_backbone` knows: the bundled ones first, then timm's, in timm's order.

    Args:
        pattern: Part of the name, or a shell pattern such as `resnet*`.
    """
    own = (bundled.NAME, MINILM, *USUAL)
    return [n for n in own if timm_models.matches(n, pattern)] + timm_models.names(pattern)


def _resolve(name: str, *, needs_weights: bool) -> _Source:
    if name == bundled.NAME:
        return _folder_source(name, bundled.bundled_folder(), bundled.NAME)
    kind, _, rest = name.partition(":")
    if kind == "hf-hub":
        return _hub_source(name, rest, needs_weights=needs_weights)
    path = Path(rest if kind == "local-dir" else name).expanduser()
    if path.is_dir():
        return _folder_source(name, path, str(path))
    if kind == "local-dir" or set("/\\:") & set(name):
        raise BackboneError(
            f"There is no folder '{path}'",
            allowed="bundled, a timm name, hf-hub:OWNER/NAME or a folder in timm's layout",
            next="check the path; a repository of the hub is named with hf-hub: before it",
        )
    return _timm_source(name)


def _folder_source(name: str, folder: Path, shown: str) -> _Source:
    config = timm_models.folder_config(folder)
    return _Source(name, config["architecture"], config, folder, shown)


def _hub_source(name: str, hub_id: str, *, needs_weights: bool) -> _Source:
    config = hub.fetch(name, hub_id, "config.json")
    if config is None:
        raise BackboneError(
            f"The hub's repository '{hub_id}' has no config.json",
            next="name a repository with weights in timm's layout",
        )
    if needs_weights:
        hub.fetch_weights(name, hub_id)
    return _folder_source(name, config.parent, name)


def _timm_source(name: str) -> _Source:
    architecture, _, tag = name.partition(".")
    if not timm_models.is_architecture(architecture):
        raise _unknown(name)
    tagged = timm_models.tagged_names(architecture)
    if tag and name not in tagged:
        raise _unknown(name)
    cfg = timm_models.pretrained_cfg(name)
    shown = f"hf-hub:{cfg['hf_hub_id']}" if cfg.get("hf_hub_id") else name
    return _Source(name, architecture, {"pretrained_cfg": cfg}, None, shown)


def _unknown(name: str) -> UnknownNameError:
    architecture = name.partition(".")[0]
    if timm_models.is_architecture(architecture):
        near = timm_models.tagged_names(architecture)
    else:
        known = [bundled.NAME, MINILM, *USUAL, *timm_models.names(tags=False)]
        near = get_close_matches(architecture, known, n=10, cutoff=0.5) or known[:10]
    return UnknownNameError(
        f"There is no backbone named '{name}'",
        allowed=f"{', '.join(near[:10])} and others; or a folder",
        next="list the names with `graft backbones PATTERN`",
    )


def _arguments(source: _Source, size: int | None) -> Json:
    """Arguments of the model's constructor; models made for one size are told the new one."""
    args: Json = dict(source.config.get("model_args") or {})
    args.pop("num_classes", None)
    cfg = source.config.get("pretrained_cfg") or source.config
    if size is not None and (cfg.get("fixed_input_size") or "img_size" in args):
        args["img_size"] = [size, size]
    return args


def _pretrained(source: _Source, args: Json) -> nn.Module:
    if source.folder is not None and args:
        check_size(source.folder / WEIGHTS, timm_models.bytes_of(source.architecture, args))
    file = None if source.folder else _downloaded(source)
    return timm_models.create(source.timm_name, args, weights=file, pretrained=True, seed=None)


def _downloaded(source: _Source) -> Path:
    cfg = source.config["pretrained_cfg"]
    if cfg.get("hf_hub_id"):
        return hub.fetch_weights(source.name, cfg["hf_hub_id"], cfg.get("hf_hub_filename"))
    if cfg.get("url"):
        return hub.fetch_url(source.name, cfg["url"])
    raise BackboneError(
        f"There are no pretrained weights for '{source.name}'",
        next="use --weights FILE, --weights random or another --backbone",
    )


def _built(source: _Source, args: Json, seed: int | None) -> nn.Module:
    bare = {**args, "num_classes": 0}
    return timm_models.create(source.timm_name, bare, weights=None, pretrained=False, seed=seed)


def _wrapped(
    source: _Source, model: nn.Module, args: Json, size: int | None, origin: str
) -> Backbone:
    spec = timm_models.preprocessing(model, (size, size) if size else None)
    if not all(is_count(side, MOST_WIDTH) for side in spec.size):
        raise BackboneError(
            f"The configuration of '{source.shown}' describes pictures of {spec.size} pixels",
            allowed="whole numbers above 0",
            next="copy or download the folder again, or give --size",
        )
    _check_side(source, model, min(spec.size))
    config = timm_models.timm_config(model, source.architecture, args, spec)
    backbone = Backbone(
        model,
        spec=spec,
        blocks=blocks_of(model),
        num_features=_width(model, source.name, (spec.channels, *spec.size)),
        origin=Origin(source.name, source.architecture, origin, config),
    )
    return backbone.eval()


def _check_side(source: _Source, model: nn.Module, side: int) -> None:
    least = timm_models.smallest_side(model)
    if side < least:
        raise BackboneError(
            f"A side of {side} pixels is too small for the backbone '{source.shown}'",
            allowed=f"at least {least}, by its own configuration",
            next=f"give --size {least} or more, or leave it out; smaller pictures are enlarged",
        )


def _width(model: nn.Module, name: str, shape: tuple[int, int, int]) -> int:
    """Run one blank picture: D, and the proof that the model takes this size."""
    try:
        with torch.no_grad():
            features = model(torch.zeros(1, *shape))
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        raise BackboneError(
            f"The backbone '{name}' does not take pictures of {shape[1]} x {shape[2]} pixels: "
            f"{timm_models.condensed(error)}",
            next="choose another --size, or leave it out",
        ) from error
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise BackboneError(
            f"The backbone '{name}' gives no pooled features (B, D)",
            allowed="models for classification",
            next="choose another name; `graft backbones` lists them",
        )
    return int(features.shape[1])
