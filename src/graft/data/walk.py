"""What lies in a folder: in natural order, each folder once, and nothing that is outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from graft.data.labels import natural_key
from graft.errors import DataError

FOLLOW = "GRAFT_FOLLOW_LINKS"
"""Set to 1, links out of a data folder are followed; not for data of strangers."""
DEEPEST = 64
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class Tree:
    """A data folder, and what was passed over in it.

    Attributes:
        root: The folder.
        passed: Paths that are not read, with their reasons.
    """

    root: Path
    passed: dict[Path, str] = field(default_factory=dict)

    def folders(self, folder: Path) -> list[Path]:
        """The folders in a folder that may be read."""
        return [path for path in entries(folder) if path.is_dir() and self._may_read(path)]

    def files(self, folder: Path) -> Iterator[Path]:
        """All files below a folder, in natural order, links back and links out left away."""
        waiting, seen = [(folder, 0)], {*self._above(folder)}
        while waiting:
            path, depth = waiting.pop()
            if depth and not self._may_read(path):
                continue
            if not path.is_dir():
                yield path
                continue
            real = os.path.realpath(path)
            if real in seen:
                self.passed[path] = "a link to a folder that is read already"
            elif depth > DEEPEST:
                self.passed[path] = f"more than {DEEPEST} folders deep"
            else:
                seen.add(real)
                waiting += [(child, depth + 1) for child in reversed(entries(path))]

    def _above(self, folder: Path) -> Iterator[str]:
        """The folders between the root and this one."""
        if folder == self.root:
            return
        for parent in folder.parents:
            yield os.path.realpath(parent)
            if parent == self.root:
                return

    def _may_read(self, path: Path) -> bool:
        """Whether a path stays inside the root; a link that does not is noted."""
        if not path.is_symlink() or os.environ.get(FOLLOW) == "1":
            return True
        inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))
        if not inside:
            self.passed[path] = f"a link out of the folder ({FOLLOW}=1 follows it)"
        return inside


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, hidden and system files left out, in natural order.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read: {error.strerror}",
            next="check its permissions",
        ) from error
    visible = (n for n in names if not n.startswith(".") and n.lower() not in _SYSTEM_FILES)
    return [folder / name for name in sorted(visible, key=natural_key)]
