"""The only file that imports timm: names, construction, blocks and preprocessing of its models."""

from __future__ import annotations

import fnmatch
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import cast

import timm
import torch
from timm.data import resolve_model_data_config
from timm.models._manipulate import MATCH_PREV_GROUP, group_with_matcher
from torch import Tensor, nn

from graft.backbones.json_file import read_object
from graft.backbones.sound import MOST_LAYERS, MOST_WIDTH, beyond, bytes_in
from graft.backbones.undrawn import Undrawn
from graft.errors import BackboneError, GraftError
from graft.types import Json, PreprocessSpec

VERSION: str = timm.__version__

# Entries of a pretrained_cfg that say where weights lay, not what they are.
_SOURCE_KEYS = {"url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source"}
# What timm's constructor takes for itself: a folder's `model_args` are the model's alone.
_FACTORY = {
    "checkpoint_path",
    "cache_dir",
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
}
_FACTORY |= {"scriptable", "exportable", "no_jit", "pretrained_model_args"}
# A name that no group matcher knows: it lands where timm puts unmatched layers.
_UNMATCHED = "\0unmatched"


def names(pattern: str = "", *, tags: bool = True) -> list[str]:
    """Names of timm's models that contain the pattern, or match it where it has `*` or `?`."""
    return [name for name in timm.list_models(include_tags=tags) if matches(name, pattern)]


def matches(name: str, pattern: str) -> bool:
    """Whether a name contains the pattern, or matches it where it has `*`, `?` or `[`."""
    is_shell_pattern = bool(set("*?[") & set(pattern))
    return fnmatch.fnmatchcase(name, pattern) if is_shell_pattern else pattern in name


def is_architecture(name: str) -> bool:
    """Whether timm builds a model of that name (without tag)."""
    return bool(timm.is_model(name))


def tagged_names(architecture: str) -> list[str]:
    """The architecture's name with each of its pretrained tags."""
    return [n for n in names(architecture) if n.partition(".")[0] == architecture]


def pretrained_cfg(name: str) -> Json:
    """timm's description of the weights behind a name, with or without tag."""
    config = timm.get_pretrained_cfg(name)
    return dict(config.to_dict()) if config else {}


def folder_config(folder: Path) -> Json:
    """The `config.json` of a folder in timm's layout.

    Raises:
        BackboneError: It is missing, is not JSON or names no architecture of timm's.
    """
    path = folder / "config.json"
    try:
        config = read_object(path)
    except FileNotFoundError:
        raise BackboneError(
            f"The folder {folder} has no config.json",
            allowed="a folder in timm's layout: config.json and model.safetensors",
            next="check the path, or save the model there with timm",
        ) from None
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"{path} is not JSON: {error}",
            allowed="the config.json that timm writes",
            next="copy or save the folder again",
        ) from None
    architecture = config.get("architecture")
    if not isinstance(architecture, str) or not is_architecture(architecture):
        raise BackboneError(
            f"{path} names the architecture {architecture!r}, which timm {VERSION} does not have",
            allowed="an `architecture` that `graft backbones` lists",
            next="correct the name, or install the timm release that has it",
        )
    _check_arguments(config, path)
    return config


def _check_arguments(config: Json, path: Path) -> None:
    found = {key: config.get(key) or {} for key in ("model_args", "pretrained_cfg")}
    wrong = [key for key, value in found.items() if not isinstance(value, dict)]
    foreign = [] if wrong else sorted(_FACTORY & found["model_args"].keys())
    absurd = None if wrong else beyond(found["model_args"])
    if absurd:
        raise BackboneError(
            f"{path} has an absurd number under {absurd}",
            allowed=f"up to {MOST_LAYERS} layers, and widths up to {MOST_WIDTH}",
            next="correct it, or copy the folder again",
        )
    if wrong or foreign:
        raise BackboneError(
            f"{path} has {(wrong or foreign)[0]} where it should not",
            allowed="model_args and pretrained_cfg with names and values, of the model alone",
            next="correct it, or copy the folder again",
        )


def create(
    name: str, args: Json, *, weights: Path | None, pretrained: bool, seed: int | None
) -> nn.Module:
    """Build a model, its classifier included where the pretrained weights have one.

    torch's global random state is as before afterwards.

    Args:
        name: A timm name, or `local-dir:` and a folder.
        args: Arguments of the model's constructor.
        weights: The file that holds the pretrained weights of a timm name.
        pretrained: Whether timm loads weights.
        seed: Seed of random weights; None where all are loaded, here or by the caller.

    Raises:
        BackboneError: The weights do not fit the architecture, or it does not take the arguments.
    """
    overlay = {"file": str(weights)} if weights else None
    with torch.random.fork_rng(devices=[]), Undrawn() if seed is None else nullcontext():
        torch.default_generator.manual_seed(seed or 0)
        try:
            model: nn.Module = timm.create_model(
                name, pretrained=pretrained, pretrained_cfg_overlay=overlay, **args
            )
        except (GraftError, MemoryError):
            raise
        except Exception as error:  # constructors and readers raise whatever they meet
            raise BackboneError(
                f"The backbone '{name}' cannot be built with {args or 'its defaults'}: "
                f"{condensed(error)}",
                next="choose weights of this architecture, or another size",
            ) from error
    declared = _cfg(model).get("num_classes")
    # timm loads leniently when these differ: a missing tensor would stay random unnoticed.
    if pretrained and declared is not None and declared != model.num_classes:
        raise BackboneError(
            f"The weights of '{name}' have {declared} classes, its model {model.num_classes}",
            allowed="as many classes in config.json as in the weights",
            next="correct num_classes in config.json",
        )
    return model.eval()


def bytes_of(architecture: str, args: Json) -> int | None:
    """Bytes that a model's tensors will take; None where that cannot be told beforehand."""
    try:
        with torch.device("meta"):
            model: nn.Module = timm.create_model(architecture, **args)
    except Exception:  # some constructors compute with their tensors; `create` tells what is wrong
        return None
    return bytes_in(model)


def condensed(error: BaseException) -> str:
    """A library's message on one line, at most 600 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 600 else text[:600] + " ..."


def remove_classifier(model: nn.Module) -> None:
    """Make the model give pooled features."""
    model.reset_classifier(0)  # type: ignore[operator]


def _cfg(model: nn.Module) -> Json:
    return cast(Json, model.pretrained_cfg)


def classifier_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules that turn features into logits; none where the model has none."""
    found = _cfg(model).get("classifier")
    if not found:
        return ()
    return (found,) if isinstance(found, str) else tuple(found)


def checkpoint_filter(model: nn.Module) -> Callable[[dict[str, Tensor]], dict[str, Tensor]] | None:
    """timm's own renaming of foreign checkpoints for this architecture, where it has one."""
    module = sys.modules[type(model).__module__]
    function = getattr(module, "checkpoint_filter_fn", None)
    if function is not None:
        return lambda state: function(state, model)
    return getattr(module, "_filter_fn", None)


def grouping(model: nn.Module, tensors: Sequence[str]) -> list[list[str]] | None:
    """Group tensor names by timm's `group_matcher(coarse=False)`, depth 0 first.

    Layers that timm matches with no group, or only with whatever group comes last (a norm), join
    the group that is defined before them if others are defined after them, else the last group.

    Args:
        model: A native model.
        tensors: Names of its parameters and buffers, in the order of definition.

    Returns:
        The groups, or None where the model has no group matcher.
    """
    matcher = getattr(model, "group_matcher", None)
    if matcher is None:
        return None
    rules = matcher(coarse=False)
    named = [(name, None) for name in [*tensors, _UNMATCHED]]
    grouped: dict[str, int] = group_with_matcher(named, rules, reverse=True)
    nowhere = grouped.pop(_UNMATCHED)
    loose = {name for name in tensors if grouped[name] == nowhere or _is_trailing(rules, name)}
    firm = [grouped[name] for name in tensors if name not in loose]
    if not firm:
        return None
    before, last = min(firm), max(firm)
    groups: dict[int, list[str]] = {}
    for name in tensors:
        if name not in loose:
            before = max(before, grouped[name])
        elif grouped[name] >= last:
            grouped[name] = before
        groups.setdefault(grouped[name], []).append(name)
    return [groups[number] for number in sorted(groups)]


def _is_trailing(rules: object, name: str) -> bool:
    """Whether the first rule that matches says: the same group as the one before."""
    if not isinstance(rules, dict):
        return False
    specs = chain.from_iterable(
        spec if isinstance(spec, (list, tuple)) else [(spec, None)]
        for spec in rules.values()
        if spec is not None
    )
    first = next((suffix for pattern, suffix in specs if re.match(pattern, name)), None)
    return bool(first == MATCH_PREV_GROUP)


def preprocessing(model: nn.Module, size: tuple[int, int] | None) -> PreprocessSpec:
    """How timm prepares a picture for this model in evaluation.

    Args:
        model: A model that `create` built.
        size: Height and width that replace the checkpoint's.

    Raises:
        BackboneError: The checkpoint's description of it makes no sense.
    """
    config = resolve_model_data_config(model)
    try:
        return _preprocessing(config, size)
    except (TypeError, ValueError, ArithmeticError) as error:
        shown = {key: config.get(key) for key in ("input_size", "crop_pct", "mean", "std")}
        raise BackboneError(
            f"The backbone's preprocessing cannot be understood: {condensed(error)} ({shown})",
            allowed="input_size of three whole numbers, crop_pct, and mean and std of each channel",
            next="correct the pretrained_cfg in its config.json, or copy the folder again",
        ) from error


def smallest_side(model: nn.Module) -> int:
    """The least side of a picture, in pixels, that the checkpoint's configuration names; else 1."""
    declared = _cfg(model).get("min_input_size")
    sides = declared[1:] if isinstance(declared, (list, tuple)) else ()
    return max((side for side in sides if isinstance(side, int)), default=1)


def _preprocessing(config: Json, size: tuple[int, int] | None) -> PreprocessSpec:
    channels, height, width = config["input_size"]
    interpolation = config["interpolation"]
    return PreprocessSpec(
        size=size or (height, width),
        crop_pct=float(config["crop_pct"]),
        crop_mode=config["crop_mode"],
        # `random` is timm's word for a training-time choice; its evaluation takes bilinear.
        interpolation="bilinear" if interpolation == "random" else interpolation,
        mean=_per_channel(config["mean"], channels),
        std=_per_channel(config["std"], channels),
    )


def _per_channel(values: Iterable[float], channels: int) -> tuple[float, ...]:
    """One value per channel; where the numbers differ, their average for all (timm's policy)."""
    found = [float(value) for value in values]
    return tuple(found) if len(found) == channels else (sum(found) / len(found),) * channels


def timm_config(model: nn.Module, architecture: str, args: Json, spec: PreprocessSpec) -> Json:
    """What `config.json` must hold so that timm builds the model and prepares pictures alike.

    Args:
        model: A model that `create` built.
        architecture: Its name without tag.
        args: Arguments of its constructor.
        spec: The preprocessing in use.
    """
    source = _cfg(model)
    # The values in use replace the checkpoint's advice for tests at another size.
    dropped = _SOURCE_KEYS | {"architecture", "test_input_size", "test_crop_pct", "test_pool_size"}
    dropped |= {"label_names", "label_descriptions", "label_offset", "num_classes", "custom_load"}
    kept = {key: value for key, value in source.items() if key not in dropped}
    kept |= {
        "input_size": [spec.channels, *spec.size],
        "crop_pct": spec.crop_pct,
        "crop_mode": spec.crop_mode,
        "interpolation": spec.interpolation,
        "mean": list(spec.mean),
        "std": list(spec.std),
    }
    if tuple(source.get("input_size", ())[1:]) != spec.size:
        kept["pool_size"] = None
    return {"architecture": architecture, "model_args": dict(args), "pretrained_cfg": kept}


def native_model(config: Json, classes: int) -> nn.Module:
    """The architecture's own model with its own classifier, weights still to be loaded.

    Args:
        config: As `timm_config` gives it.
        classes: Number of logits; 0 for none.
    """
    cfg = {**config["pretrained_cfg"], "architecture": config["architecture"]}
    args = {**config["model_args"], "num_classes": classes, "pretrained_cfg": cfg}
    return create(config["architecture"], args, weights=None, pretrained=False, seed=None)


def linear_classifier(model: nn.Module, features: int) -> str | None:
    """Name of the classifier where it is one linear layer on the pooled features, else None."""
    found = classifier_names(model)
    if len(found) != 1:
        return None
    layer = model.get_submodule(found[0])
    if not isinstance(layer, nn.Linear) or layer.in_features != features or layer.bias is None:
        return None
    return found[0]
