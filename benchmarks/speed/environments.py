"""The peers' virtual environments, each with pinned packages of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import MappingProxyType

REPOSITORY = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("GRAFT_BENCH_ENVIRONMENTS", REPOSITORY / ".venv-bench"))
CONSTRAINTS = REPOSITORY / "constraints.txt"

# What each environment holds, and what importing it warms up.
PACKAGES = MappingProxyType(
    {
        "keras": ("tensorflow-cpu==2.21.0", "keras==3.15.1", "pillow==13.0.0"),
        "fastai": ("fastai==2.8.12", "timm", "safetensors"),
        "setfit": ("setfit==1.2.0", "evaluate==0.4.6"),
        "engines": ("openvino==2026.4.1", "onnxruntime==1.32.0", "onnx", "onnxscript"),
    }
)
IMPORTS = MappingProxyType(
    {
        "graft": "import torch, timm, graft.api",
        "keras": "import tensorflow, keras",
        "fastai": "import fastai.vision.all",
        "setfit": "import setfit",
        "engines": "import torch, timm, onnxruntime, openvino",
    }
)
# Built on graft's own environment: they run the very torch and transformers that graft runs.
LAYERED = frozenset({"engines", "setfit"})


def interpreter(name: str) -> Path:
    """The Python of an environment; graft's own is the one that runs."""
    return Path(sys.executable) if name == "graft" else FOLDER / name / "bin" / "python"


def present(name: str) -> bool:
    """Whether an environment was set up to its end with the packages it should have."""
    return name == "graft" or _stamp(name) == _wanted(name)


def set_up(name: str) -> None:
    """Make an environment unless it is there already."""
    folder = FOLDER / name
    if present(name):
        _layer(name, folder)
        return
    print(f"setting up {folder}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    _layer(name, folder)
    # graft's versions of what both use, torch first of all; Keras shares nothing that matters.
    constraints = [] if name == "keras" else ["-c", str(CONSTRAINTS)]
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [str(interpreter(name)), "-m", "pip", "install", *quiet, *constraints, *PACKAGES[name]],
        check=True,
    )
    (folder / "ready").write_text(_wanted(name))


def _layer(name: str, folder: Path) -> None:
    """Let an environment find graft's packages, which may have moved since it was made."""
    if name in LAYERED:
        site = sysconfig.get_path("purelib", vars={"base": str(folder)})
        (Path(site) / "graft-environment.pth").write_text(sysconfig.get_path("purelib") + "\n")


def _wanted(name: str) -> str:
    return " ".join(PACKAGES[name])


def _stamp(name: str) -> str | None:
    path = FOLDER / name / "ready"
    return path.read_text() if path.exists() else None
