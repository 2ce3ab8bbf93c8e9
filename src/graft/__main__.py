"""`python -m graft`, and the command `graft`: Ctrl-C is heeded while the program still loads."""

from __future__ import annotations

import gc
import sys

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it."""
    try:
        from graft.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(INTERRUPTED)
    try:
        run()
    finally:
        # All ends with the process: its last look for garbage would take a second after a run.
        # Triton's bindings wait for that look, and without it print what is still alive.
        if "triton" not in sys.modules:
            gc.freeze()


if __name__ == "__main__":
    main()
