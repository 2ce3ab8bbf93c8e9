"""Files that are whole and on the disk, or as they were before."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

PARTIAL = ".partial-"
"""How the names begin of what is being written; a killed process leaves such."""


def plain(path: Path) -> Path:
    """The path of a plain file: a pipe or a device in its place may have no end.

    Raises:
        OSError: Nothing stands there.
        ValueError: Something else does.
    """
    if not S_ISREG(path.stat().st_mode):
        raise ValueError("it is no plain file")
    return path


@contextmanager
def flushed(path: Path) -> Iterator[BinaryIO]:
    """A new binary file that lies on the disk when the block is over.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Let what was renamed in a folder reach the disk.

    Raises:
        OSError: The folder cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_files(folder: Path) -> None:
    """Let every file in a folder, and the folder itself, reach the disk.

    Raises:
        OSError: One of them cannot be opened.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    flush_folder(folder)


def in_one_step(path: Path, text: str) -> None:
    """Write a text file, or leave the one that is there.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f"{PARTIAL}{path.name}")
    try:
        with flushed(temporary) as file:
            file.write(text.encode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


def system_error(problem: BaseException) -> OSError | None:
    """The operating system's part in a failure, or None.

    Libraries written in Rust, such as safetensors, raise errors of their own and tell the system's
    number in the text.

    >>> system_error(ValueError("I/O error: No space left on device (os error 28)")).errno
    28
    """
    if isinstance(problem, OSError):
        return problem
    told = re.search(r"\(os error (\d+)\)", str(problem))
    return OSError(int(told[1]), os.strerror(int(told[1]))) if told else None


def is_full(problem: OSError) -> bool:
    """Whether an error says that a disk, or what one may use of it, is full."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)
