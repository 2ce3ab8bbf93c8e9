"""One command, timed from outside: wall, processor, memory, and what else the machine did."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graft.types import Json

# More processor time than this, in cores, taken by others during a run makes its figures void.
MOST_FOREIGN = 0.1
_TICK = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A peer failed; the message says which command and how it ended."""


@dataclass(frozen=True)
class Timing:
    """What one run of a command took.

    Attributes:
        wall: Seconds from start to end.
        cpu: Processor seconds of the command and its children.
        foreign: Processors that everything else on the machine used meanwhile, on average.
        peak_rss: Largest resident memory of a single process, bytes.
        peak_anonymous: Largest anonymous memory of all its processes at one moment, bytes; None
            where it was not watched.
        started: Seconds since 1970 at the start.
        printed: The last line of standard output that is a JSON object.
    """

    wall: float
    cpu: float
    foreign: float
    peak_rss: int
    peak_anonymous: int | None
    started: float
    printed: Json

    @property
    def disturbed(self) -> bool:
        """Whether others took so much that the seconds say little."""
        return self.foreign > MOST_FOREIGN


def run_timed(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    timeout: float,
    watch_memory: bool = False,
) -> Timing:
    """Run a command to its end and measure it.

    Raises:
        BenchError: It failed or took longer than `timeout` seconds.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        busy, own = machine_seconds(), children_seconds()
        started, begun = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=errors,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        watcher = Watcher(process.pid) if watch_memory else None
        usage = _wait(process, timeout)
        wall = time.perf_counter() - begun
        busy, own = machine_seconds() - busy, children_seconds() - own
        peak = watcher.stop() if watcher else None
        if process.returncode:
            errors.seek(0)
            told = errors.read().decode(errors="replace")[-2000:]
            raise BenchError(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
        output.seek(0)
        printed = last_json(output.read().decode(errors="replace"))
    foreign = max(0.0, (busy - own) / wall)
    return Timing(wall, own, foreign, usage.ru_maxrss * 1024, peak, started, printed)


def last_json(text: str) -> Json:
    """The last line that holds a JSON object; empty where there is none.

    >>> last_json('loading\\n{"accuracy": 0.5}\\ndone')
    {'accuracy': 0.5}
    """
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            found: Json = json.loads(line)
            return found
    return {}


def read_json(path: Path) -> Json:
    """A file that holds one JSON object."""
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def machine_seconds() -> float:
    """Processor seconds that the whole machine has worked, or was kept from working, so far."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _wait, irq, soft, stolen = map(int, fields[1:9])
    return (user + nice + system + irq + soft + stolen) / _TICK


def children_seconds() -> float:
    """Processor seconds of this process and of all children that have ended."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        spent += usage.ru_utime + usage.ru_stime
    return spent


class Watcher:
    """Samples the anonymous memory of a session's processes until it is stopped."""

    def __init__(self, session: int, interval: float = 0.1) -> None:
        self._session, self._interval = session, interval
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The largest sum seen, bytes."""
        self._over.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._over.wait(self._interval):
            self._peak = max(self._peak, session_memory(self._session))


def session_memory(session: int) -> int:
    """Anonymous resident bytes of all processes of a session."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                total += anonymous_bytes((folder / "status").read_text())
        except (OSError, ValueError):
            continue  # it ended while it was looked at
    return total


def anonymous_bytes(status: str) -> int:
    """RssAnon of the text of a /proc/PID/status.

    >>> anonymous_bytes("VmRSS:\\t  9 kB\\nRssAnon:\\t  5 kB\\nRssFile:\\t  4 kB")
    5120
    """
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def _wait(process: subprocess.Popen[bytes], timeout: float) -> resource.struct_rusage:
    # The whole group: loader workers end with their parent.
    timer = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage
