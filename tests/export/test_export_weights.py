"""Files of weights before they are used, and what is said of one that changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graft.errors import ModelError
from graft.export.parts import changes, parts_of
from graft.export.weights import check_weights

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}


def written(path: Path, **changed: torch.Tensor) -> Path:
    save_file({**TENSORS, **changed}, path)
    return path


def test_what_is_saved_passes(tmp_path: Path) -> None:
    check_weights(written(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.int8])
def test_another_type_is_named(tmp_path: Path, kind: torch.dtype) -> None:
    path = written(tmp_path / "w.safetensors", b=torch.zeros(2, dtype=kind))
    with pytest.raises(ModelError, match=r"another type: b \("):
        check_weights(path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\0" * 20, b"{}"])
def test_what_is_no_safetensors_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        check_weights(tmp_path / "w.safetensors")


def test_a_cut_file_is_damaged(tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match="damaged"):
        check_weights(path)


def test_parts_name_shapes_and_differ_with_values(tmp_path: Path) -> None:
    found = parts_of(written(tmp_path / "w.safetensors"))
    assert found["a"].startswith("float32 2x3 ")
    assert found["n"].startswith("int64 scalar ")
    other = parts_of(written(tmp_path / "v.safetensors", a=TENSORS["a"] + 1e-6))
    assert found["n"] == other["n"]
    assert found["a"] != other["a"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"a": TENSORS["a"] + 1}, "the values of a changed"),
        ({"a": TENSORS["a"].half()}, "a is float16 2x3 for float32 2x3"),
        ({"a": TENSORS["a"].reshape(3, 2)}, "a is float32 3x2 for float32 2x3"),
        ({"a": TENSORS["a"] / 0}, "not all values are finite in a"),
        ({"b": torch.zeros(1)}, "it holds b, which the saved one did not"),
    ],
)
def test_changes_are_told(tmp_path: Path, changed: dict[str, torch.Tensor], told: str) -> None:
    recorded = parts_of(written(tmp_path / "w.safetensors"))
    assert changes(written(tmp_path / "w.safetensors", **changed), recorded) == told


def test_parts_of_json_are_two_keys_deep(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"a": {"b": {"c": 1}, "d": 2}, "e": [1, 2], "f": {}}')
    recorded = parts_of(path)
    assert set(recorded) == {"a.b", "a.d", "e", "f"}
    path.write_text('{"a": {"d": 2, "b": {"c": 2}}, "e": [2, 1]}')
    assert changes(path, recorded) == "it lacks f; changed are a.b, e"
