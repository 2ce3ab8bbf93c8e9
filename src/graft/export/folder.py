"""A folder that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.errors import GraftError, OutputError, ResourceError
from graft.files import flush_files, flush_folder, is_full, system_error


@contextmanager
def appearing(folder: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that takes the name `folder` when the block ends without error.

    Args:
        folder: Where the files are to be. What lies there is replaced only if it is empty or
            holds the marker.
        marker: A file by which graft knows its own folders.

    Raises:
        OutputError: Something else lies there, or it cannot be written.
        ResourceError: The disk is full.
    """
    _refuse_foreign(folder, marker)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp's folder is private
        flush_files(temporary)
        _take_place(temporary, folder)
        flush_folder(folder.parent)
    except GraftError:
        raise
    except Exception as error:
        system = system_error(error)
        if system is None:
            raise
        raise _unwritable(folder, system) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_foreign(folder: Path, marker: str) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / marker).is_file()):
        raise OutputError(
            f"{folder} exists and is not a model that graft saved",
            allowed="a new folder, an empty one, or an earlier model",
            next="choose another folder",
        )


def _take_place(temporary: Path, folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        temporary.replace(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.replace(aside)
    try:
        temporary.replace(folder)
    except OSError:
        aside.replace(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> OutputError | ResourceError:
    if is_full(error):
        return ResourceError(
            f"The disk is full: {folder} could not be written",
            allowed="room for the model",
            next="free some space",
        )
    return OutputError(
        f"{folder} cannot be written: {error.strerror or error}", next="choose another folder"
    )
