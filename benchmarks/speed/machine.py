"""What the figures were measured on; no name of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.environments import PACKAGES, interpreter, present
from benchmarks.speed.measure import last_json
from graft.types import Json

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
_SHOWN = [
    "torch",
    "timm",
    "graft-learn",
    "numpy",
    "keras",
    "tensorflow-cpu",
    "fastai",
    "onnxruntime",
    "openvino",
]


def describe() -> Json:
    """Date, processor, memory, system and the versions in every environment."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _cpu_field("model name") or platform.machine(),
        "cores": os.cpu_count(),
        "flags": [flag for flag in _FLAGS if flag in _cpu_field("flags").split()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {name: _versions(name) for name in ("graft", *PACKAGES) if present(name)},
    }


def sentence(machine: Json) -> str:
    """One line for a table's head."""
    flags = ", ".join(machine["flags"])
    return (
        f"{machine['date']}; {machine['cores']} cores ({machine['processor']}; {flags}), "
        f"{machine['memory_gib']} GiB, {machine['system']}"
    )


def _cpu_field(name: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _versions(environment: str) -> Json:
    script = (
        "import json, platform, sys\n"
        "from importlib.metadata import PackageNotFoundError, version\n"
        "found = {'python': platform.python_version()}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = version(name)\n"
        "    except PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [str(interpreter(environment)), "-c", script, *_SHOWN],
        check=True,
        capture_output=True,
        text=True,
    )
    return last_json(done.stdout)
