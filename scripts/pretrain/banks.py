"""The drawn tiles that all sources share, built once and kept in a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.pretrain.emoji import DrawingBank, build_emoji_bank
from scripts.pretrain.glyphs import GlyphBank, build_glyph_bank
from scripts.pretrain.icons import build_family_bank, build_icon_bank, join_banks
from scripts.pretrain.textures import TextureBank, build_texture_bank

ICON_CLASSES, ICON_INSTANCES = 500, 8
FAMILY_CLASSES, FAMILY_INSTANCES = 500, 6
TEXTURE_INSTANCES = 20
NAMES = ("glyphs", "drawings", "families", "textures")


@dataclass(frozen=True)
class Banks:
    """All banks of one seed."""

    glyphs: GlyphBank
    drawings: DrawingBank
    families: DrawingBank
    textures: TextureBank


def prepare_banks(folder: Path, seed: int) -> Banks:
    """Read the banks of this seed from `folder`, drawing them first if they are not there."""
    files = {name: folder / f"{name}-{seed}.npz" for name in NAMES}
    if not all(file.exists() for file in files.values()):
        _draw(files, seed)
    return Banks(
        GlyphBank(*_read(files["glyphs"])),
        DrawingBank(*_read(files["drawings"])),
        DrawingBank(*_read(files["families"])),
        TextureBank(*_read(files["textures"])),
    )


def _read(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    with np.load(file) as stored:
        return stored["tiles"], stored["labels"], tuple(stored["classes"].tolist())


def _draw(files: dict[str, Path], seed: int) -> None:
    icons = build_icon_bank(ICON_CLASSES, ICON_INSTANCES, seed)
    drawn: dict[str, GlyphBank | DrawingBank | TextureBank] = {
        "glyphs": build_glyph_bank(seed),
        "drawings": join_banks(build_emoji_bank(), icons),
        "families": build_family_bank(FAMILY_CLASSES, FAMILY_INSTANCES, seed),
        "textures": build_texture_bank(TEXTURE_INSTANCES, seed),
    }
    for name, bank in drawn.items():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        temporary = files[name].with_suffix(".part.npz")
        np.savez(temporary, tiles=bank.tiles, labels=bank.labels, classes=np.array(bank.classes))
        temporary.replace(files[name])
