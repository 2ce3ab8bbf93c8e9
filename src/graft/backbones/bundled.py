"""The backbone that comes with the package."""

from __future__ import annotations

from pathlib import Path

from graft.errors import BackboneError

NAME = "bundled"
FOLDER = Path(__file__).parent / "bundled"


def bundled_folder(folder: Path = FOLDER) -> Path:
    """The folder of the bundled weights, in timm's layout.

    Raises:
        BackboneError: The installation lacks them.
    """
    if not (folder / "config.json").is_file():
        raise BackboneError(
            f"The bundled weights are not where they were installed, in {folder}",
            next="install graft-learn again, or name another --backbone",
        )
    return folder
