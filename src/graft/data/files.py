"""Files as they are read: plain ones, of a bounded size, and never what only looks like one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from graft.errors import DataError

MOST_BYTES = 2**30
"""Of one picture or text. A larger one is a mistake, and would not fit into memory decoded."""
SMALL_BYTES, MOST_PACKED = 2**30, 200
"""What unpacks to more than both, the latter times its size, is made to fill the memory."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a plain file.

    Opening never waits, as it would for the writer of a pipe, and what is opened is what is looked
    at, so that nothing can be put in its place in between.

    Args:
        path: The file; links are followed.
        most: Bytes that it may have.

    Raises:
        DataError: It cannot be read; `found` is the reason alone, without the name.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _check(os.fstat(descriptor), most)
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                return file.readall()
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise DataError("the file does not exist") from error
    except DataError:
        raise
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"the file cannot be read: {text.splitlines()[0]}") from error


def check_file(path: Path, shown: str, most: int | None = None) -> None:
    """Refuse what is no plain file before another library opens it.

    Args:
        path: The file; links are followed.
        shown: The path as the user named it.
        most: Bytes that it may have; None for any number.

    Raises:
        DataError: It is a folder, pipe or device, is too large, or cannot be looked at.
    """
    try:
        _check(path.stat(), most)
    except DataError as error:
        raise DataError(f"{shown} cannot be read: {error.found}", allowed="a file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{shown} cannot be read: {error}", next="check the path") from error


def _check(status: os.stat_result, most: int | None) -> None:
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), None)
    if kind is not None:
        raise DataError(f"it is {kind}, not a file")
    if most is not None and status.st_size > most:
        raise DataError(
            f"the file of {status.st_size / 2**20:,.0f} MB is larger than the {most / 2**20:,.0f} "
            "MB that are read"
        )


def spare_memory() -> int:
    """Bytes of memory that may be used without driving anything else out of it."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(free.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):  # pragma: no cover - not on Linux
        return 2**32
