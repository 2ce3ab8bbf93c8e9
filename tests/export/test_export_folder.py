"""A folder that appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import SafetensorError

from graft.errors import OutputError, ResourceError
from graft.export.folder import appearing


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def write(folder: Path, text: str, marker: str = "mark") -> None:
    with appearing(folder, marker) as temporary:
        (temporary / marker).write_text(text)
        assert temporary.parent == folder.parent  # the same file system


def test_it_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with appearing(target, "mark") as temporary:
        (temporary / "mark").write_text("x")
        assert not target.exists()
    assert listing(target) == {"mark": "x"}
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o755


def test_it_does_not_appear_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), appearing(tmp_path / "model", "mark"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write(tmp_path / "model", "x")
    assert listing(tmp_path / "model") == {"mark": "x"}


def test_an_earlier_one_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "model", "old")
    (tmp_path / "model" / "more").write_text("y")
    write(tmp_path / "model", "new")
    assert listing(tmp_path / "model") == {"mark": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_earlier_one_remains_when_the_block_fails(tmp_path: Path) -> None:
    write(tmp_path / "model", "old")
    with pytest.raises(ZeroDivisionError), appearing(tmp_path / "model", "mark"):
        raise ZeroDivisionError
    assert listing(tmp_path / "model") == {"mark": "old"}


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "other").write_text("y")
    with pytest.raises(OutputError, match="not a model"):
        write(tmp_path / "model", "x")
    (tmp_path / "file").write_text("z")
    with pytest.raises(OutputError, match="not a model"):
        write(tmp_path / "file", "x")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "file" / "model", "x")
    assert listing(tmp_path) == {"file": "z"}


def test_a_full_disk_is_told_whoever_met_it(tmp_path: Path) -> None:
    words = "Error while serializing: I/O error: No space left on device (os error 28)"
    for problem in (SafetensorError(words), OSError(28, "No space left on device")):
        with (
            pytest.raises(ResourceError, match="disk is full"),
            appearing(tmp_path / "model", "mark"),
        ):
            raise problem
    with pytest.raises(OutputError, match="Permission"), appearing(tmp_path / "model", "mark"):
        raise SafetensorError("I/O error: Permission denied (os error 13)")
    with pytest.raises(SafetensorError), appearing(tmp_path / "model", "mark"):
        raise SafetensorError("no weights")
    assert list(tmp_path.iterdir()) == []
