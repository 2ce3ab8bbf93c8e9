"""Where the bank stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.bank import bank_folder
from graft.errors import OutputError


def test_graft_cache_moves_the_bank(cache: Path) -> None:
    assert bank_folder() == cache / "bank"
    assert [*(cache / "bank").iterdir()] == []


def test_without_it_the_users_cache_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bank_folder() == tmp_path / ".cache" / "graft" / "bank"


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError) as caught:
        bank_folder()
    assert str(tmp_path / "file") in caught.value.found
    assert "GRAFT_CACHE" in caught.value.next


def test_a_folder_without_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        bank_folder()
