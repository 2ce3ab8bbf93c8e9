"""Weight files from elsewhere: read without running code, fitted name by name, never leniently."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from graft.backbones import timm_models
from graft.backbones.torchvision_names import renamed
from graft.errors import BackboneError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
WRAPPERS = ("state_dict", "model", "model_state_dict", "model_state")
# The class of the error alone: nothing here unpickles.
_NEEDS_CODE: type[Exception] = torch.serialization.pickle.UnpicklingError  # type: ignore[attr-defined]
# What PyTorch's reader raises of bytes that are no archive of tensors, as fuzzing found.
_DAMAGE = (
    *(RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, AssertionError, MemoryError, struct.error, zipfile.BadZipFile),
)
MOST_PACKED = 10
PREFIXES = ("_orig_mod.", "module.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights: names to tensors, wrappers and `module.` prefixes removed.

    Args:
        path: A `.safetensors` file, or a `.pth`, `.pt` or `.bin` file of plain tensors.

    Raises:
        BackboneError: The file is missing, damaged, of another kind, or could only be read by
            running the code in it.
    """
    if not path.is_file():
        raise BackboneError(
            f"There is no weights file '{path}'",
            allowed=f"pretrained, random, or a file that ends in {', '.join(SUFFIXES)}",
            next="check the path",
        )
    if path.suffix not in SUFFIXES:
        raise BackboneError(
            f"The weights file {path} ends in '{path.suffix}'",
            allowed=", ".join(SUFFIXES),
            next="save the state dict as safetensors",
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    return _without_prefixes(_unwrapped(content, path))


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> object:
    try:
        _refuse_packed(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except _NEEDS_CODE as error:
        raise BackboneError(
            f"The weights file {path} is refused: it holds objects besides tensors, and reading "
            "them would run code that the file brings along",
            allowed="a state dict of plain tensors",
            next="where you trust the file, load it yourself and save model.state_dict() with "
            "safetensors.torch.save_file",
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _refuse_packed(path: Path) -> None:
    """PyTorch stores tensors as they are: an archive that unpacks to more is made to fill memory.

    Raises:
        ValueError: It is one.
        OSError: It cannot be opened.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST_PACKED * path.stat().st_size:
        raise ValueError(f"it unpacks to {unpacked:,} bytes, many times its size")


def _damaged(path: Path, error: BaseException) -> BackboneError:
    return BackboneError(
        f"The weights file {path} cannot be read: {timm_models.condensed(error)}",
        next="copy or download the file again",
    )


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if key in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping):
        raise BackboneError(
            f"The weights file {path} holds a {type(content).__name__}",
            allowed="a state dict: names and tensors",
            next="save model.state_dict() and name that file",
        )
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if len(tensors) < len(content) or not tensors:
        other = next((str(name) for name in content if str(name) not in tensors), "nothing")
        raise BackboneError(
            f"The weights file {path} holds '{other}' where tensors are expected",
            allowed=f"a state dict, bare or under {', '.join(WRAPPERS)}",
            next="save model.state_dict() alone",
        )
    return tensors


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in (*PREFIXES, PREFIXES[0]):
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


@dataclass(frozen=True, slots=True)
class Fit:
    """How names and shapes of a state dict compare with a model's."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    mistyped: tuple[str, ...] = ()

    @property
    def faults(self) -> int:
        """How many tensors do not fit."""
        return sum(map(len, (self.missing, self.unexpected, self.misshapen, self.mistyped)))

    def __str__(self) -> str:
        parts = [
            f"{len(found)} {kind}: {', '.join(found[:8])}{' ...' if len(found) > 8 else ''}"
            for kind, found in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.misshapen),
                ("of another type", self.mistyped),
            )
            if found
        ]
        return "; ".join(parts)


def load_weights(model: nn.Module, state: dict[str, Tensor], architecture: str, shown: str) -> None:
    """Fill a model without classifier from weights in timm's or torchvision's naming.

    The classifier among the weights is dropped. Counters of batches that old files lack stay 0;
    nothing else may be absent, left over or of another shape.

    Args:
        model: The native model, its classifier removed; filled in place.
        state: What `read_weights` gave.
        architecture: The model's name in timm.
        shown: The file, as messages name it.

    Raises:
        BackboneError: Tensors do not fit; they are named.
    """
    best: Fit | None = None
    for candidate in _candidates(state, model, architecture):
        fit = _compare(candidate, model)
        if not fit.faults:
            model.load_state_dict(candidate, strict=False)
            return
        if best is None or fit.faults < best.faults:
            best = fit
    raise BackboneError(
        f"The weights in {shown} do not fit '{architecture}'; tensors {best}",
        allowed="timm's names, or torchvision's for ResNet, VGG, MobileNet V2 and V3",
        next="name the architecture that the file was made with by --backbone",
    )


def _candidates(
    state: dict[str, Tensor], model: nn.Module, architecture: str
) -> list[dict[str, Tensor]]:
    """The state dict as it is, as timm renames it, and as torchvision's order maps it."""
    found = [_without_classifier(state, model)]
    rename = timm_models.checkpoint_filter(model)
    if rename is not None and _compare(found[0], model).faults:
        try:
            found.append(_without_classifier(rename(dict(state)), model))
        except (KeyError, RuntimeError, AttributeError, IndexError, AssertionError):
            # timm's renaming presumes its own sources; the comparison names what does not fit.
            return found + renamed(state, model, architecture)
    return found + renamed(state, model, architecture)


def _without_classifier(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    heads = tuple(f"{name}." for name in timm_models.classifier_names(model))
    wanted = model.state_dict()
    return {
        name: tensor
        for name, tensor in state.items()
        if name in wanted or not (heads and name.startswith(heads))
    }


def _compare(state: Mapping[str, Tensor], model: nn.Module) -> Fit:
    wanted = model.state_dict()
    absent = [name for name in wanted if name not in state]
    return Fit(
        missing=tuple(name for name in absent if not name.endswith("num_batches_tracked")),
        unexpected=tuple(name for name in state if name not in wanted),
        misshapen=tuple(
            f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in state and state[name].shape != tensor.shape
        ),
        mistyped=tuple(
            f"{name} {str(state[name].dtype).removeprefix('torch.')}"
            for name, tensor in wanted.items()
            if name in state and state[name].is_floating_point() != tensor.is_floating_point()
        ),
    )
