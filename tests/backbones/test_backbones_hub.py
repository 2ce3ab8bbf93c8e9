"""The hub: the cache first, then one short question, then one clear sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from torch import nn

from graft.backbones import hub
from graft.backbones.load import load_backbone
from graft.errors import BackboneError, NetworkError, ResourceError
from tests.timm_folders import make_folder

FolderMaker = Callable[..., tuple[Path, nn.Module]]


@pytest.fixture
def native_folder(tmp_path: Path) -> FolderMaker:
    return partial(make_folder, tmp_path)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def answer(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", raise_it)


def http_error(status: int) -> HfHubHTTPError:
    response: Any = SimpleNamespace(status_code=status, headers={}, text="", request=None)
    return HfHubHTTPError("refused", response=response)


def assert_one_sentence(error: NetworkError, name: str) -> None:
    assert name in error.found
    assert "cannot be reached" in error.found
    for way_out in ("bundled", "FOLDER", "--weights FILE", "random"):
        assert way_out in error.next
    assert len(str(error).splitlines()) == 2


@pytest.mark.parametrize("name", ["resnet50", "vgg16.tv_in1k", "hf-hub:someone/something"])
def test_no_network_is_told_in_one_sentence_at_once(name: str) -> None:
    begin = time.monotonic()
    with pytest.raises(NetworkError) as caught:
        load_backbone(name)
    assert_one_sentence(caught.value, name)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no route"),
        TimeoutError("too long"),
        OSError(113, "no route to host"),
        hub._HTTP_ERROR("connection refused"),
        http_error(503),
    ],
)
def test_every_network_fault_is_the_same_sentence(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    answer(monkeypatch, error)
    with pytest.raises(NetworkError) as caught:
        load_backbone("resnet50")
    assert_one_sentence(caught.value, "resnet50")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_repository_that_is_not_public_is_no_network_fault(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answer(monkeypatch, http_error(status))
    with pytest.raises(BackboneError, match=str(status)):
        load_backbone("hf-hub:someone/something")


def test_a_full_disk_is_no_network_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(ResourceError, match="No space left"):
        load_backbone("resnet50")


def test_a_repository_without_weights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, EntryNotFoundError("no such file"))
    with pytest.raises(BackboneError, match=r"model\.safetensors"):
        load_backbone("resnet50")
    with pytest.raises(BackboneError, match=r"config\.json"):
        load_backbone("hf-hub:someone/something")


def test_cached_weights_need_no_network(
    native_folder: FolderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, native = native_folder("test_resnet", classes=1000)

    def cached(repository: str, filename: str, **_: object) -> str | None:
        assert repository in ("timm/test_resnet.r160_in1k", "someone/something")
        return str(folder / filename) if (folder / filename).is_file() else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    state = native.state_dict()
    for name in ("test_resnet", "test_resnet.r160_in1k", "hf-hub:someone/something"):
        backbone = load_backbone(name)
        loaded = backbone.model.state_dict()
        assert all(torch.equal(loaded[key], state[key]) for key in loaded)
        assert backbone.origin.startswith("hf-hub:")
        assert "hf_hub_id" not in json.dumps(backbone.config)


def test_plain_downloads_without_network_are_the_same_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(NetworkError) as caught:
        load_backbone("gcvit_xxtiny")
    assert_one_sentence(caught.value, "gcvit_xxtiny")


def test_plain_downloads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str, target: str, progress: bool) -> None:
        asked.append(url)
        Path(target).write_bytes(b"weights")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    paths = {hub.fetch_url("x", "https://example.org/a/weights-1.pth?x=1") for _ in range(2)}
    assert [path.name for path in paths] == ["weights-1.pth"]
    assert len(asked) == 1
