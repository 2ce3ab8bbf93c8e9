"""`checksums.json`: the size and SHA-256 of every file of a saved model.

They say which file changed, and the parts beside them say what changed in it; the golden inputs say
whether answers moved.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from graft.backbones.json_file import read_object
from graft.errors import ModelError
from graft.export.parts import changes, parts_of
from graft.types import Json

FILE = "checksums.json"
CARD = "README.md"  # people may write into it; nothing reads it
VERSION = 1
RESTORE = "restore the folder, or save the model again"
# What libraries look for in a model's folder, and take if they find it.
_READ = (".json", ".safetensors", ".bin", ".pt", ".pth", ".py", ".model", ".jinja")
_READ_NAMES = ("vocab.txt", "merges.txt")
MOST_FILES = 1000


def write_checksums(folder: Path) -> None:
    """Take the checksums of all files in a folder and write them there."""
    files = {
        str(path.relative_to(folder).as_posix()): {
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
            "parts": parts_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in (FILE, CARD)
    }
    fields: Json = {"version": VERSION, "files": files}
    text = json.dumps({**fields, "seal": _seal(fields)}, indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def check_files(folder: Path) -> None:
    """Compare every file with its checksum.

    Raises:
        ModelError: A file is missing, damaged, replaced or a link, or there is one too many. Files
            and what changed in them are named.
    """
    recorded = _recorded(folder)
    faults = [f"{name}: {fault}" for name, fault in _faults(folder, recorded)]
    faults += [
        f"{name}: the model was saved without it, and libraries would read it"
        for name in _strangers(folder, recorded)
    ]
    if faults:
        more = f"; and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise ModelError(
            f"{folder} is not the model that was saved: {'; '.join(faults[:4])}{more}",
            allowed="the files as they were saved",
            next=RESTORE,
        )


def seal_of(folder: Path) -> str:
    """The digest over the checksums of all files; empty where there is none.

    Who notes it elsewhere can tell any other folder from this one, even one whose checksums were
    taken anew.
    """
    try:
        return str(read_object(folder / FILE).get("seal", ""))
    except (OSError, ValueError):
        return ""


def _faults(folder: Path, recorded: Json) -> Iterator[tuple[str, str]]:
    for name, entry in recorded.items():
        try:
            fault = _fault(folder, name, entry)
        except OSError as error:
            fault = f"it cannot be opened ({error.strerror or error})"
        if fault:
            yield name, fault


def _fault(folder: Path, name: str, entry: Json) -> str:
    """What is wrong with a file, in words; empty where nothing is."""
    path = folder / name
    parents = [folder / parent for parent in PurePosixPath(name).parents]
    if path.is_symlink() or any(p.is_symlink() for p in parents if p != folder):
        return "it is a symbolic link; copy the file itself"
    if not path.exists():
        return "it is missing"
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_size == 0 < entry["bytes"]:
        return "it is empty"
    if found.st_size == entry["bytes"] and _sha256(path) == entry["sha256"]:
        return ""
    return "; ".join(part for part in (_size(found.st_size, entry), _content(path, entry)) if part)


def _size(size: int, entry: Json) -> str:
    missing = entry["bytes"] - size
    if not missing:
        return "its content changed"
    return f"it is {abs(missing):,} bytes too {'short' if missing > 0 else 'long'}"


def _content(path: Path, entry: Json) -> str:
    # What is much larger than it was is not read to find out why.
    large = path.stat().st_size > 2 * entry["bytes"] + 2**20
    return "" if large or not entry["parts"] else changes(path, entry["parts"])


def _strangers(folder: Path, recorded: Json) -> list[str]:
    known = {PurePosixPath(name).parts[0] for name in recorded} | {FILE, CARD}
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in known and (path.suffix in _READ or path.name in _READ_NAMES)
    )


def _recorded(folder: Path) -> Json:
    """The files that `checksums.json` lists."""
    path = folder / FILE
    try:
        if path.is_symlink():
            raise ValueError("it is a symbolic link; copy the file itself")
        fields = read_object(path)
        seal = fields.pop("seal", None)
        if seal != _seal(fields):
            raise ValueError("it was changed")
        if fields.get("version") != VERSION:
            raise ValueError(f"its version is {fields.get('version')}, known is {VERSION}")
        files = fields["files"]
        _check_entries(files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} cannot be used: {error}", allowed=f"the {FILE} of the model", next=RESTORE
        ) from error
    return dict(files)


def _check_entries(files: Json) -> None:
    if not 0 < len(files) <= MOST_FILES:
        raise ValueError(f"it lists {len(files)} files")
    for name, entry in files.items():
        pure = PurePosixPath(name)
        inside = pure.as_posix() == name and ".." not in pure.parts and not pure.is_absolute()
        if not inside or name == "." or "\0" in name:
            raise ValueError(f"it lists {name!r}, which is no file of the folder")
        if type(entry["bytes"]) is not int or not isinstance(entry["sha256"], str):
            raise ValueError(f"its entry of {name} is malformed")
        if not all(isinstance(part, str) for part in entry["parts"].values()):
            raise ValueError(f"its entry of {name} is malformed")


def _seal(fields: Json) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
