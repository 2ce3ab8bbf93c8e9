"""Checkpoints on disk: whole or not there, checked when read, and never dear.

A checkpoint is a folder with `tensors.safetensors` and `state.json`: a nested value of dicts,
lists, texts, numbers and tensors, in which the tensors stand by name. It is written under a hidden
name, flushed to the disk, and renamed; only then is the one before the last removed. So a process
that is killed at any moment, or a power cut, leaves at least the last whole one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from graft.errors import OutputError, ResourceError
from graft.files import PARTIAL, flush_folder, flushed, is_full, plain
from graft.types import ByteArray, Json

FORMAT = 1
STATE, TENSORS = "state.json", "tensors.safetensors"
KEPT = 2  # the last, and the one before it, should a disk have damaged the last
NOT_WHOLE = (OSError, ValueError, LookupError, TypeError, RecursionError, SafetensorError)
"""What reading one raises that is damaged, whatever is left of it."""
_NAME = "step-"
_TENSOR, _LAYOUT = "$tensor", "channels_last"
_TYPES: Mapping[torch.dtype, str] = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_checkpoint(folder: Path, state: Json) -> None:
    """Add a checkpoint to a folder of them, then remove those that are too old.

    Raises:
        OutputError: The folder cannot be written.
        ResourceError: The disk is full. The checkpoints before it stay as they are.
    """
    number = max((_number(path) for path in listed(folder)), default=0) + 1
    temporary = folder / f"{PARTIAL}{number:06}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        tensors: dict[str, Tensor] = {}
        plain = _flatten(state, "", tensors)
        digest = _write_tensors(temporary / TENSORS, tensors)
        content = {"format": FORMAT, "tensors": digest, "state": plain}
        with flushed(temporary / STATE) as file:
            file.write(json.dumps({**content, "digest": _digest(content)}).encode())
        flush_folder(temporary)
        temporary.rename(folder / f"{_NAME}{number:06}")
        flush_folder(folder)
        flush_folder(folder.parent)  # where the first one made the folder
        for old in listed(folder)[:-KEPT]:
            shutil.rmtree(old)
    except OSError as problem:
        raise _unwritable(problem, folder) from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_checkpoint(folder: Path) -> tuple[Json | None, list[str]]:
    """The state of the latest whole checkpoint, and names of later ones that are damaged.

    The state is None where there is no whole one.
    """
    damaged: list[str] = []
    for path in reversed(listed(folder)):
        try:
            return _read(path), damaged
        except NOT_WHOLE:
            damaged.append(path.name)
    return None, damaged


def listed(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.startswith(_NAME)]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    text = path.name.removeprefix(_NAME)
    return int(text) if text.isdecimal() else 0


def _read(path: Path) -> Json:
    """One checkpoint.

    Raises:
        NOT_WHOLE: It is not.
    """
    content = json.loads(plain(path / STATE).read_bytes())
    if not isinstance(content, dict):
        raise ValueError("the state is no table")
    digest = content.pop("digest")
    with plain(path / TENSORS).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if content["format"] != FORMAT or digest != _digest(content) or found != content["tensors"]:
        raise ValueError("the content does not fit its digests")
    state: Json = _unflatten(content["state"], load_file(path / TENSORS))
    return state


def _digest(content: Json) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The value with a name in place of each tensor, which goes into `tensors`."""
    if isinstance(value, Tensor):
        tensors[path] = value.detach()
        return {_TENSOR: path, **({_LAYOUT: True} if _is_laid_out(value) else {})}
    if isinstance(value, Mapping):
        return {key: _flatten(item, f"{path}/{key}", tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_flatten(item, f"{path}/{at}", tensors) for at, item in enumerate(value)]
    return value


def _unflatten(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            found = tensors[value[_TENSOR]]
            laid_out = value.get(_LAYOUT, False)
            return found.contiguous(memory_format=torch.channels_last) if laid_out else found
        return {key: _unflatten(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [_unflatten(item, tensors) for item in value]
    return value


def _is_laid_out(tensor: Tensor) -> bool:
    """Whether maps have their channels side by side: last bits of what is computed depend on it."""
    maps = tensor.ndim == 4 and not tensor.is_contiguous()
    return maps and tensor.is_contiguous(memory_format=torch.channels_last)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file, one tensor after the other; returns its SHA-256.

    The library's own writer needs all tensors on the CPU at once, twice, and tells no errno.
    Format: https://huggingface.co/docs/safetensors
    """
    header, end = {}, 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        kind = _TYPES[tensor.dtype]
        header[name] = {"dtype": kind, "shape": [*tensor.shape], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with flushed(path) as file:
        for piece in (len(text).to_bytes(8, "little"), text):
            digest.update(piece)
            file.write(piece)
        for tensor in tensors.values():  # on the CPU one at a time
            content = _bytes(tensor).data
            digest.update(content)
            file.write(content)
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> ByteArray:
    found: ByteArray = tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return found


def _unwritable(problem: OSError, folder: Path) -> OutputError | ResourceError:
    if is_full(problem):
        return ResourceError(
            f"The disk is full: a checkpoint could not be written to {folder}",
            allowed="room for three checkpoints while one is written",
            next="free some space",
        )
    return OutputError(
        f"A checkpoint could not be written to {folder} ({problem.strerror})",
        allowed="a folder that you may write to",
        next="make it so",
    )
