"""The parts of a saved file, each with a short digest: tensors by name, JSON values by key.

They are taken when a model is saved, so that a file that changed can be told by what changed in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from graft.backbones.json_file import read_value
from graft.backbones.sound import MOST_NAMED, listed
from graft.types import ByteArray, Json

DEPTH = 2
_DIGITS = 16


def parts_of(path: Path) -> dict[str, str]:
    """Part to what it is: `float32 8x3 <digest>` for a tensor, a digest for a JSON value.

    Files of other kinds have none.

    Raises:
        OSError, SafetensorError, ValueError: The file cannot be read.
    """
    if path.suffix == ".safetensors":
        return dict(_tensors(path))
    if path.suffix == ".json":
        value = read_value(path)
        if isinstance(value, list):
            value = {str(place): entry for place, entry in enumerate(value)}
        if not isinstance(value, dict):
            raise ValueError("it holds neither a JSON object nor a list")
        return {key: _digest(_canonical(v)) for key, v in _leaves(value, DEPTH)}
    return {}


def _tensors(path: Path) -> Iterator[tuple[str, str]]:
    with safe_open(path, framework="pt") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            kind = f"{str(tensor.dtype).removeprefix('torch.')} {_shape(tensor)}"
            yield name, f"{kind} {_digest(_bytes(tensor))}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _bytes(tensor: Tensor) -> memoryview:
    flat = tensor.contiguous().reshape(-1).view(torch.uint8)
    values: ByteArray = flat.numpy()
    return values.data


def _leaves(fields: Json, depth: int, before: str = "") -> Iterator[tuple[str, object]]:
    for key, value in fields.items():
        if depth > 1 and isinstance(value, dict) and value:
            yield from _leaves(value, depth - 1, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode()


def _digest(content: bytes | memoryview) -> str:
    return hashlib.blake2b(content, digest_size=_DIGITS // 2).hexdigest()


def changes(path: Path, recorded: Mapping[str, str]) -> str:
    """What became of a file's parts, in words; empty where nothing can be said."""
    try:
        found = parts_of(path)
    except (OSError, SafetensorError, ValueError) as error:
        return f"it cannot be read: {' '.join(str(error).split())[:200]}"
    lost = sorted(recorded.keys() - found.keys())
    added = sorted(found.keys() - recorded.keys())
    moved = sorted(name for name in found.keys() & recorded.keys() if found[name] != recorded[name])
    told = [
        *([f"it lacks {listed(lost)}"] if lost else []),
        *([f"it holds {listed(added)}, which the saved one did not"] if added else []),
        *([_moved(path, moved, found, recorded)] if moved else []),
    ]
    return "; ".join(told)


def _moved(
    path: Path, names: list[str], found: Mapping[str, str], recorded: Mapping[str, str]
) -> str:
    if path.suffix != ".safetensors":
        return f"changed are {listed(names)}"
    kinds = [
        f"{n} is {_kind(found[n])} for {_kind(recorded[n])}"
        for n in names
        if _kind(found[n]) != _kind(recorded[n])
    ]
    if kinds:
        return "; ".join(kinds[:MOST_NAMED])
    infinite = not_finite(path)
    if infinite:
        return f"not all values are finite in {listed(infinite)}"
    return f"the values of {listed(names)} changed"


def _kind(part: str) -> str:
    return part.rpartition(" ")[0]


def not_finite(path: Path) -> list[str]:
    """Names of the tensors in a file that hold a value that is no finite number."""
    with safe_open(path, framework="pt") as file:
        tensors = ((name, file.get_tensor(name)) for name in sorted(file.keys()))
        return [name for name, tensor in tensors if not bool(tensor.isfinite().all())]
