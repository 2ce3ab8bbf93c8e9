"""Files of the Hugging Face hub: from the cache, else downloaded, else one clear sentence."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.error import URLError
from urllib.parse import urlparse

import huggingface_hub
import torch
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from graft.errors import BackboneError, NetworkError, ResourceError

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
PROBE_SECONDS = 5.0
_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}
# The hub's HTTP errors derive from the HTTP library's own root, whichever library that is.
_HTTP_ERROR: type[BaseException] = HfHubHTTPError.__bases__[0]


def unreachable(name: str) -> NetworkError:
    """The error for weights that are not on this machine when the network is not there."""
    return NetworkError(
        f"The weights of '{name}' must be downloaded and the network cannot be reached",
        next="use --backbone bundled, --backbone FOLDER, --weights FILE or --weights random",
    )


def fetch_weights(name: str, hub_id: str, filename: str | None = None) -> Path:
    """The path of a repository's weight file on this machine.

    Args:
        name: What the user asked for, as messages show it.
        hub_id: `owner/repository`, with `@revision` where wanted.
        filename: The file, if the checkpoint's description names one.

    Raises:
        NetworkError: It is not cached and the hub cannot be reached.
        BackboneError: The hub has no such repository or file.
    """
    wanted = [filename] if filename else list(WEIGHT_FILES)
    for candidate in wanted:
        found = fetch(name, hub_id, candidate)
        if found is not None:
            return found
    raise BackboneError(
        f"The hub's repository '{hub_id}' has no {' or '.join(wanted)}",
        next="name a repository with weights in timm's layout",
    )


def fetch(name: str, hub_id: str, filename: str) -> Path | None:
    """The path of one file on this machine, or None where the repository does not hold it.

    Raises:
        NetworkError: It is not cached and the hub cannot be reached.
        BackboneError: The hub has no such repository, or refuses it.
    """
    repository, _, revision = hub_id.partition("@")
    cached = huggingface_hub.try_to_load_from_cache(repository, filename, revision=revision or None)
    if isinstance(cached, str):
        return Path(cached)
    with _told_in_one_sentence(name, hub_id):
        try:
            # One short question first: the download itself would retry for minutes.
            url = huggingface_hub.hf_hub_url(repository, filename, revision=revision or None)
            huggingface_hub.get_hf_file_metadata(url, timeout=PROBE_SECONDS)
            path = huggingface_hub.hf_hub_download(repository, filename, revision=revision or None)
        except LocalEntryNotFoundError as error:
            raise unreachable(name) from error
        except EntryNotFoundError:
            return None
    return Path(path)


@contextmanager
def _told_in_one_sentence(name: str, hub_id: str) -> Iterator[None]:
    try:
        yield
    except NetworkError:
        raise
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        if status in (401, 403, 404):
            raise BackboneError(
                f"The hub refuses '{hub_id}' (status {status}): it does not exist or is not public",
                next="check the name, or download it and use --backbone FOLDER",
            ) from error
        raise unreachable(name) from error
    except (OSError, _HTTP_ERROR) as error:
        if isinstance(error, OSError) and error.errno in _STORAGE:
            raise ResourceError(
                f"The weights of '{name}' cannot be stored: {error.strerror}",
                next="make room, or let HF_HOME name a folder with room",
            ) from error
        raise unreachable(name) from error


def fetch_url(name: str, url: str) -> Path:
    """The path of a plain download on this machine, in torch's own cache.

    Raises:
        NetworkError: It is not cached and cannot be reached.
    """
    target = Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlparse(url).path).name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PROBE_SECONDS)  # this kind of download has no limit of its own
    try:
        torch.hub.download_url_to_file(url, str(target), progress=False)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise unreachable(name) from error
    finally:
        socket.setdefaulttimeout(before)
    return target
