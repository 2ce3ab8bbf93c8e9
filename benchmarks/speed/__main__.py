"""Speed and memory beside Keras, fastai, plain PyTorch loops and bare inference engines.

    python -m benchmarks.speed setup
    python -m benchmarks.speed walkthrough [--images 50000 --tests 10000 --peer-epochs 2]
    python -m benchmarks.speed photos | stage4 | prefix | memory | all
    python -m benchmarks.speed all --quick       # everything on tiny sizes

Results go to benchmarks/results/, those of --quick to benchmarks/results/quick/.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.speed.bfloat16 import with_bfloat16
from benchmarks.speed.environments import PACKAGES, REPOSITORY, set_up
from benchmarks.speed.machine import describe
from benchmarks.speed.measure import BenchError
from benchmarks.speed.report import document, write
from benchmarks.speed.runner import run_rounds
from benchmarks.speed.summary import Row
from benchmarks.speed.workloads import WORKLOADS, Settings, Workload

RESULTS = REPOSITORY / "benchmarks" / "results"
DATA = Path(os.environ.get("GRAFT_BENCH_DATA", REPOSITORY / ".bench-data"))
_CORES = os.cpu_count() or 1

DEFAULTS = MappingProxyType(
    {
        "walkthrough": Settings(5000, 1000, 10, 10, 3, _CORES, DATA),
        "photos": Settings(800, 200, 5, 2, 2, _CORES, DATA),
        "stage4": Settings(800, 200, 5, 2, 2, _CORES, DATA),
        "prefix": Settings(640, 0, 0, 0, 2, _CORES, DATA),
        "memory": Settings(100_000, 10_000, 2, 0, 1, _CORES, DATA),
    }
)
QUICK = MappingProxyType(
    {
        "walkthrough": Settings(200, 100, 2, 1, 1, _CORES, DATA),
        "photos": Settings(20, 10, 2, 1, 1, _CORES, DATA),
        "stage4": Settings(20, 10, 2, 1, 1, _CORES, DATA),
        "prefix": Settings(16, 0, 0, 0, 1, _CORES, DATA),
        "memory": Settings(500, 100, 1, 0, 1, _CORES, DATA),
    }
)
SIZES = ("images", "tests", "epochs", "peer_epochs", "repeats", "threads")


def parser() -> argparse.ArgumentParser:
    """The options; sizes that are not given are the workload's own."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("what", choices=["setup", *WORKLOADS, "all"])
    made.add_argument("--quick", action="store_true", help="tiny sizes, one round")
    for name in SIZES:
        made.add_argument(f"--{name.replace('_', '-')}", type=int)
    made.add_argument(
        "--bfloat16", action="store_true", help="also in bfloat16, on processors that have it"
    )
    made.add_argument("--only", default="", help="comma-separated parts of variant names")
    made.add_argument("--out", type=Path, help="folder of the results")
    return made


def settings_for(name: str, given: argparse.Namespace) -> Settings:
    """The workload's sizes with what was given."""
    sizes = {key: getattr(given, key) for key in SIZES if getattr(given, key) is not None}
    chosen: Settings = replace((QUICK if given.quick else DEFAULTS)[name], **sizes)
    # Epochs were shortened: so are the peers'.
    return replace(chosen, peer_epochs=min(chosen.peer_epochs, chosen.epochs))


def only(workload: Workload, wanted: str) -> Workload:
    """The workload with the groups of which a variant's name holds one of the words."""
    words = [word.strip().lower() for word in wanted.split(",")]
    groups = tuple(
        group
        for group in workload.groups
        if any(word in variant.name.lower() for variant in group for word in words)
    )
    return replace(workload, groups=groups)


def main() -> int:
    """Set up, run, write."""
    given = parser().parse_args()
    for name in PACKAGES:
        set_up(name)
    if given.what == "setup":
        return 0
    out = given.out or (RESULTS / "quick" if given.quick else RESULTS)
    machine, status = describe(), 0
    for name in WORKLOADS if given.what == "all" else [given.what]:
        settings = settings_for(name, given)
        workload = WORKLOADS[name](settings)
        if given.bfloat16:
            workload = with_bfloat16(workload)
        workload = only(workload, given.only)

        def keep(
            rows: list[Row], workload: Workload = workload, settings: Settings = settings
        ) -> None:
            write(document(workload, settings, machine, rows), out)

        try:
            run_rounds(workload, settings, keep)
        except BenchError as problem:
            # The other workloads still run; what this one measured so far is written.
            print(problem, file=sys.stderr)
            status = 1
            continue
        print((out / f"{workload.name}.md").read_text(encoding="utf-8"))
    return status


if __name__ == "__main__":
    sys.exit(main())
