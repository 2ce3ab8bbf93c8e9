"""A folder of class folders, of pictures or texts, perhaps inside train, val and test folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from graft.data.examples import IMAGE, TEXT, Examples, Input, Row, SetAside, assemble
from graft.data.labels import natural_key
from graft.data.parts import TEST, TRAIN, UNDECLARED, VALIDATION, part_named
from graft.data.pictures import FilePicture
from graft.data.shown import shown as shown_name
from graft.data.texts import TEXT_EXTENSIONS, Text, read_text
from graft.data.unreadable import Unreadable
from graft.data.walk import Tree, entries
from graft.errors import DataError

PICTURE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"}
    | {".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"}
)
_LAYOUT = (
    "a folder with one folder of pictures (or .txt files) per class, optionally inside train/, "
    "val/, test/"
)
_CLASS_FOLDERS = "put each class's files into a folder named after the class"
# Files of the other kind are remarks, and set aside, when this share is of the one kind.
_CLEAR_SHARE = 0.75


@dataclass(frozen=True)
class _Found:
    """The files below one folder: the wanted ones, and the others by their extension."""

    wanted: tuple[Path, ...]
    others: tuple[Path, ...]


@dataclass(frozen=True)
class _Kind:
    """What a folder is searched for: file extensions, how a file becomes an input, its name."""

    extensions: frozenset[str]
    opened: Callable[[Path], Input]
    noun: str

    def matches(self, path: Path) -> bool:
        return path.suffix.lower() in self.extensions


_KINDS = {
    IMAGE: _Kind(PICTURE_EXTENSIONS, lambda path: FilePicture(path, _name(path)), "picture"),
    TEXT: _Kind(TEXT_EXTENSIONS, lambda path: read_text(path, _name(path)), "text"),
}


def _name(path: Path) -> str:
    """What the user sees of it."""
    return shown_name(str(path))


def read_folder(folder: Path, shown: str, modality: str | None = None) -> Examples:
    """Reads class folders; the class is the folder's name, at any depth below it.

    Hidden files are passed over. Files of another kind are set aside where they lie in a class
    folder, and so are class folders without pictures (or texts), and those outside any class
    folder.

    Args:
        folder: The data.
        shown: The folder as the user named it.
        modality: `image` or `text`; None to see which kind of files is there.

    Raises:
        DataError: No class folder with pictures or texts is there, or both kinds are.
    """
    rows: list[Row] = []
    left_out: list[SetAside] = []
    tree = Tree(folder)
    kind = _KINDS[modality or _modality(folder, shown)]
    for part, place in _parts(tree, shown, left_out):
        _read_part(tree, place, part, kind, rows, left_out)
    left_out += [SetAside(_name(p), why, bad=kind.matches(p)) for p, why in tree.passed.items()]
    if not rows:
        raise _nothing(tree, shown, left_out)
    return replace(assemble(shown, rows, set_aside=left_out), notes=_told_encodings(rows))


def _told_encodings(rows: Sequence[Row]) -> tuple[str, ...]:
    """What is to be told of files that are not in UTF-8."""
    count = sum(isinstance(r.input, Text) and r.input.encoding == "windows-1252" for r in rows)
    if not count:
        return ()
    return (
        f"{count} of {len(rows)} text files are not in UTF-8 and were read as Windows-1252 "
        "(Latin-1).",
    )


def read_flat(folder: Path, shown: str, modality: str | None = None) -> Examples:
    """Reads all pictures, or all texts, below a folder, without labels.

    One that cannot be read keeps its place, and says why when it is opened.

    Raises:
        DataError: There are none.
    """
    tree = Tree(folder)
    kind = _KINDS[modality or _modality(folder, shown)]
    rows = [Row(_opened(path, kind), None) for path in _files(tree, folder, kind).wanted]
    if not rows:
        raise _nothing(tree, shown, [])
    return replace(assemble(shown, rows, labelled=False), notes=_told_encodings(rows))


def _modality(folder: Path, shown: str) -> str:
    """The kind of files that nearly all of the folder's pictures and texts are of.

    Raises:
        DataError: Both kinds are there.
    """
    files = list(Tree(folder).files(folder))
    counts = {name: sum(map(kind.matches, files)) for name, kind in _KINDS.items()}
    most = max(counts, key=lambda name: counts[name])
    if counts[most] < _CLEAR_SHARE * sum(counts.values()):
        raise DataError(
            f"{shown} holds {counts[IMAGE]} pictures and {counts[TEXT]} texts",
            allowed="pictures or texts",
            next="take one kind away, or name a --backbone, which decides it",
        )
    return most


def _rows(
    paths: tuple[Path, ...], label: str | None, part: str, kind: _Kind, left_out: list[SetAside]
) -> list[Row]:
    """A row per file; one that cannot be read at all is set aside with the reason."""
    rows = []
    for path in paths:
        item = _opened(path, kind)
        if isinstance(item, Unreadable):
            left_out.append(SetAside(item.name, item.reason, bad=True))
        else:
            rows.append(Row(item, label, part))
    return rows


def _opened(path: Path, kind: _Kind) -> Input:
    try:
        return kind.opened(path)
    except DataError as fault:
        return Unreadable(_name(path), fault.found)


def _parts(tree: Tree, shown: str, left_out: list[SetAside]) -> list[tuple[str, Path]]:
    """The folders that hold class folders, each with the part it stands for."""
    children = tree.folders(tree.root)
    named = [(part, child) for child in children if (part := part_named(child.name))]
    kinds = {part for part, _ in named}
    mixed = len(named) < len(children)
    if not named or (mixed and not (TRAIN in kinds and kinds & {VALIDATION, TEST})):
        return [(UNDECLARED, tree.root)]
    if not any(tree.folders(child) for _, child in named):
        raise DataError(
            f"{shown} has the folders {_names(named)}, and no class folders inside them",
            allowed=_LAYOUT,
            next=f"inside each of them, {_CLASS_FOLDERS}",
        )
    others = [child for child in children if part_named(child.name) is None]
    left_out += [
        SetAside(_name(child), "not a train, validation or test folder") for child in others
    ]
    order = (TRAIN, VALIDATION, TEST)
    return sorted(named, key=lambda found: (order.index(found[0]), natural_key(found[1].name)))


def _names(named: list[tuple[str, Path]]) -> str:
    return ", ".join(child.name for _, child in named)


def _read_part(
    tree: Tree, place: Path, part: str, kind: _Kind, rows: list[Row], left_out: list[SetAside]
) -> None:
    loose = [path for path in entries(place) if path.is_file() and kind.matches(path)]
    left_out += [SetAside(_name(path), f"the {kind.noun} is in no class folder") for path in loose]
    for child in tree.folders(place):
        found = _files(tree, child, kind)
        rows += _rows(found.wanted, shown_name(child.name), part, kind, left_out)
        left_out += [SetAside(_name(p), _unknown_extension(p, kind.noun)) for p in found.others]
        if not found.wanted:
            left_out.append(SetAside(_name(child), f"class folder without {kind.noun}s"))


def _unknown_extension(path: Path, noun: str) -> str:
    kind = f"'{path.suffix}' is no known {noun} extension" if path.suffix else "no file extension"
    return f"not a {noun}: {kind}"


def _nothing(tree: Tree, shown: str, left_out: Sequence[SetAside]) -> DataError:
    children = tree.folders(tree.root)
    pictures = sum(_KINDS[IMAGE].matches(path) for path in entries(tree.root))
    bad = [entry for entry in left_out if entry.bad]
    if bad:
        found = f"{shown} holds nothing that can be read, such as {bad[0].input}: {bad[0].reason}"
    elif pictures:
        found = f"{shown} holds {pictures} pictures directly, and no class folders with pictures"
    elif children:
        listed = ", ".join(child.name for child in children[:5])
        found = f"{shown} holds {len(children)} folders ({listed}), and no picture in any of them"
    else:
        found = f"{shown} holds no pictures"
    return DataError(found, allowed=_LAYOUT, next=f"{_CLASS_FOLDERS}, or give a table with --label")


def _files(tree: Tree, folder: Path, kind: _Kind) -> _Found:
    files = list(tree.files(folder))
    return _Found(
        wanted=tuple(path for path in files if kind.matches(path)),
        others=tuple(path for path in files if not kind.matches(path)),
    )
