"""Where the bank stands: `$GRAFT_CACHE`, or a `graft` folder in the user's cache."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from graft.bank.eviction import size_limit
from graft.errors import OutputError


def bank_folder() -> Path:
    """The bank's folder, created if missing.

    Raises:
        OutputError: It cannot be created or written.
        UserError: `GRAFT_CACHE_SIZE` is no size.
    """
    root = os.environ.get("GRAFT_CACHE") or str(Path.home() / ".cache" / "graft")
    folder = Path(root) / "bank"
    probe = folder / f".write-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise OutputError(
            f"The bank's folder {folder} cannot be written ({problem.strerror})",
            allowed="a folder that you may write to",
            next="set GRAFT_CACHE to such a folder",
        ) from problem
    size_limit(folder, 0)  # a limit that is none is told before anything costs
    return folder
