"""Files: what is no plain file is refused before it is read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from graft.backbones.json_file import read_object
from graft.files import plain
from graft.training.checkpoint import listed, read_checkpoint, write_checkpoint


def test_links_to_plain_files_are_followed_and_nothing_else_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    assert read_object(plain(tmp_path / "link")) == {}
    for name in ("pipe", "device", "."):
        with pytest.raises(ValueError, match="no plain file"):
            read_object(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        plain(tmp_path / "nothing")


@pytest.mark.parametrize("part", ["state.json", "tensors.safetensors"])
def test_a_checkpoint_with_a_device_in_it_is_damaged_and_the_one_before_is_taken(
    part: str, tmp_path: Path
) -> None:
    for number in (1, 2):
        write_checkpoint(tmp_path, {"number": number, "weight": torch.ones(3)})
    latest = listed(tmp_path)[-1]
    (latest / part).unlink()
    (latest / part).symlink_to("/dev/zero")
    state, damaged = read_checkpoint(tmp_path)
    assert state is not None
    assert (json.dumps(state["number"]), damaged) == ("1", [latest.name])
