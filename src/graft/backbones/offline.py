"""Which pretrained backbones can be loaded without a network."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import CacheNotFound

from graft.backbones import bundled, timm_models
from graft.backbones.hub import WEIGHT_FILES
from graft.backbones.text_names import MINILM
from graft.errors import BackboneError

TIMM = "timm/"


def offline_backbones(modality: str = "image") -> list[str]:
    """Names that `load_backbone` opens from this machine: the bundled one, then the hub's cache.

    For `text` that is the packaged encoder alone.

    A cached repository of timm's bears timm's own name; another one in timm's layout is
    `hf-hub:OWNER/NAME`.
    """
    if modality == "text":
        return [MINILM]
    try:
        repositories = huggingface_hub.scan_cache_dir().repos
    except CacheNotFound:
        return [bundled.NAME]
    names = [bundled.NAME]
    for repository in sorted(repositories, key=lambda found: found.repo_id):
        files = {file.file_name for r in repository.revisions for file in r.files}
        if repository.repo_type == "model" and files & set(WEIGHT_FILES):
            names += _loadable_names(repository.repo_id)
    return names


def _loadable_names(repository: str) -> list[str]:
    name = repository.removeprefix(TIMM)
    if repository.startswith(TIMM) and name in timm_models.tagged_names(name.partition(".")[0]):
        return [name]
    config = huggingface_hub.try_to_load_from_cache(repository, "config.json")
    if not isinstance(config, str):
        return []
    try:
        timm_models.folder_config(Path(config).parent)
    except BackboneError:  # a repository for another library
        return []
    return [f"hf-hub:{repository}"]
