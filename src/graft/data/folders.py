"""A folder of class folders, with or without train, validation and test folders around them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graft.data.examples import Examples, Row, SetAside, assemble
from graft.data.labels import natural_key
from graft.data.parts import TEST, TRAIN, UNDECLARED, VALIDATION, part_named
from graft.data.pictures import FilePicture
from graft.errors import DataError

PICTURE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"}
    | {".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"}
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_LAYOUT = "a folder with one folder of pictures per class, optionally inside train/, val/, test/"
_CLASS_FOLDERS = "put each class's pictures into a folder named after the class"


@dataclass(frozen=True)
class _Found:
    """The files below one folder: pictures, and what is no picture by its extension."""

    pictures: tuple[Path, ...]
    others: tuple[Path, ...]


def read_folder(folder: Path, shown: str) -> Examples:
    """Reads class folders; the class is the folder's name, at any depth below it.

    Hidden files are passed over. Files whose extension is no picture's are set aside where
    they lie in a class folder, and so are class folders without pictures and pictures outside
    any class folder.

    Args:
        folder: The data.
        shown: The folder as the user named it.

    Raises:
        DataError: No class folder with pictures is there.
    """
    rows: list[Row] = []
    left_out: list[SetAside] = []
    for part, place in _parts(folder, shown, left_out):
        _read_part(place, part, rows, left_out)
    if not rows:
        raise _nothing(folder, shown)
    return assemble(shown, rows, set_aside=left_out)


def read_flat(folder: Path, shown: str) -> Examples:
    """Reads all pictures below a folder, without labels.

    Raises:
        DataError: There are none.
    """
    found = _files(folder)
    if not found.pictures:
        raise _nothing(folder, shown)
    return assemble(
        shown, [_row(path, None, UNDECLARED) for path in found.pictures], labelled=False
    )


def _row(path: Path, label: str | None, part: str) -> Row:
    return Row(FilePicture(path, str(path)), label, part)


def _parts(folder: Path, shown: str, left_out: list[SetAside]) -> list[tuple[str, Path]]:
    """The folders that hold class folders, each with the part it stands for."""
    children = _folders(folder)
    named = [(part, child) for child in children if (part := part_named(child.name))]
    kinds = {part for part, _ in named}
    mixed = len(named) < len(children)
    if not named or (mixed and not (TRAIN in kinds and kinds & {VALIDATION, TEST})):
        return [(UNDECLARED, folder)]
    if not any(_folders(child) for _, child in named):
        raise DataError(
            f"{shown} has the folders {_names(named)}, and no class folders inside them",
            allowed=_LAYOUT,
            next=f"inside each of them, {_CLASS_FOLDERS}",
        )
    others = [child for child in children if part_named(child.name) is None]
    left_out += [SetAside(str(child), "not a train, validation or test folder") for child in others]
    order = (TRAIN, VALIDATION, TEST)
    return sorted(named, key=lambda found: (order.index(found[0]), natural_key(found[1].name)))


def _names(named: list[tuple[str, Path]]) -> str:
    return ", ".join(child.name for _, child in named)


def _read_part(place: Path, part: str, rows: list[Row], left_out: list[SetAside]) -> None:
    loose = [path for path in _entries(place) if path.is_file() and _is_picture(path)]
    left_out += [SetAside(str(path), "the picture is in no class folder") for path in loose]
    for child in _folders(place):
        found = _files(child)
        rows += [_row(path, child.name, part) for path in found.pictures]
        left_out += [SetAside(str(path), _unknown_extension(path)) for path in found.others]
        if not found.pictures:
            left_out.append(SetAside(str(child), "class folder without pictures"))


def _unknown_extension(path: Path) -> str:
    kind = f"'{path.suffix}' is no known picture extension" if path.suffix else "no file extension"
    return f"not a picture: {kind}"


def _nothing(folder: Path, shown: str) -> DataError:
    children = _folders(folder)
    pictures = sum(_is_picture(path) for path in _entries(folder))
    if pictures:
        found = f"{shown} holds {pictures} pictures directly, and no class folders with pictures"
    elif children:
        listed = ", ".join(child.name for child in children[:5])
        found = f"{shown} holds {len(children)} folders ({listed}), and no picture in any of them"
    else:
        found = f"{shown} holds no pictures"
    return DataError(found, allowed=_LAYOUT, next=f"{_CLASS_FOLDERS}, or give a table with --label")


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, hidden and system files left out, in natural order."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read: {error.strerror}",
            next="check its permissions",
        ) from error
    visible = (n for n in names if not n.startswith(".") and n.lower() not in _SYSTEM_FILES)
    return [folder / name for name in sorted(visible, key=natural_key)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_EXTENSIONS


def _files(folder: Path) -> _Found:
    files = list(_walk(folder, frozenset()))
    return _Found(
        pictures=tuple(path for path in files if _is_picture(path)),
        others=tuple(path for path in files if not _is_picture(path)),
    )


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """All files below a folder; a link that leads back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in _entries(folder):
        if path.is_dir():
            yield from _walk(path, above | {real})
        else:
            yield path
