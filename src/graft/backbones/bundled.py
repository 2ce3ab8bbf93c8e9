"""The backbone that comes with the package."""

from __future__ import annotations

from pathlib import Path

from graft.errors import BackboneError

NAME = "bundled"
SMALL, LARGE = 48, 96
"""Sides of the input: for characters and small pictures, and for coloured drawings."""
SMALL_NATIVE = 20
"""Pictures of up to this many pixels a side are small."""
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


def input_side(native: float, *, coloured: bool) -> int:
    """The side of the input that suits pictures of a native side, where the user names none.

    Characters are recognised best at the side at which most of them were seen in pretraining;
    coloured drawings have small parts, which a larger side keeps apart. The larger side costs
    about three times as much. Measured in the model card.

    Args:
        native: Median side of the pictures in pixels.
        coloured: Whether they have several colours, as drawings have and characters have not.

    >>> input_side(8, coloured=False), input_side(48, coloured=True)
    (48, 96)
    """
    return LARGE if coloured and native > SMALL_NATIVE else SMALL
