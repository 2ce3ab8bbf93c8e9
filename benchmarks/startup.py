"""Where a short command's seconds go: processor time of imports and of whole commands.

    python -m benchmarks.startup [--fit]

Processor time instead of wall time, so that a busy machine tells the same. `--fit` also times a
linear probe on scikit-learn's handwritten digits, twice: the second time from the bank.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

VERBS = {
    "graft --help": ["--help"],
    "graft fit --help": ["fit", "--help"],
    "graft backbones bundled": ["backbones", "bundled"],
}
MODULES = ("graft.cli.main", "torch", "timm", "graft.api")
MOST_PACKAGES = 12


def seconds_of(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command, its output thrown away."""
    environment = {**os.environ, "GRAFT_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, check=True, cwd=folder, env=environment, capture_output=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter() - begun
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def import_shares(module: str) -> Counter[str]:
    """Share of an import's time by package, from Python's own table."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    shares: Counter[str] = Counter()
    for line in found.splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            shares[".".join(fields[2].strip().split(".")[:2])] += int(fields[0])
    return shares


def digits(folder: Path) -> Path:
    """scikit-learn's handwritten digits as an archive that `graft fit` takes."""
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures = (found.images / 16 * 255).round().astype(np.uint8)
    np.savez(folder / "digits.npz", allow_pickle=False, x=pictures, y=found.target)
    return folder / "digits.npz"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="time graft fit too")
    arguments = parser.parse_args()
    graft = [sys.executable, "-m", "graft"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {shown: [*graft, *verb] for shown, verb in VERBS.items()}
        commands |= {f"import {m}": [sys.executable, "-c", f"import {m}"] for m in MODULES}
        if arguments.fit:
            probe = [*graft, "fit", str(digits(folder)), "--strategy", "linear-probe"]
            commands["graft fit, bank cold"] = [*probe, "--out", "cold"]
            commands["graft fit, from the bank"] = [*probe, "--out", "warm"]
        print(f"{'':<28}{'wall s':>8}{'CPU s':>8}")
        for shown, command in commands.items():
            wall, processor = seconds_of(command, folder)
            print(f"{shown:<28}{wall:8.2f}{processor:8.2f}")
    shares = import_shares("graft.api")
    print("\nimport graft.api, share by package")
    for package, part in shares.most_common(MOST_PACKAGES):
        print(f"{package:<28}{100 * part / shares.total():7.1f} %")


if __name__ == "__main__":
    main()
