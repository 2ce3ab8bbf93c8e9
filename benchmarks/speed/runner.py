"""Rounds of a workload: every variant once per round, groups in turn, a row for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.speed.environments import IMPORTS, REPOSITORY, interpreter
from benchmarks.speed.measure import Timing, read_json, run_timed
from benchmarks.speed.summary import Row, estimated_seconds
from benchmarks.speed.workloads import BANK, OUT, Settings, Variant, Workload
from graft.types import Json


def run_rounds(workload: Workload, settings: Settings, keep: Callable[[list[Row]], None]) -> None:
    """Run everything; `keep` gets all rows so far after every command.

    Groups start one later in every round, so that none always runs on a machine that another
    one has just heated up.

    Raises:
        BenchError: A command failed.
    """
    rows: list[Row] = []
    _warm_up(workload)
    for number in range(settings.repeats):
        turn = number % len(workload.groups)
        for group in workload.groups[turn:] + workload.groups[:turn]:
            with tempfile.TemporaryDirectory(prefix="graft-bench-") as scratch:
                for variant in group:
                    rows.append(_run(variant, number, settings, Path(scratch)))
                    keep(rows)


def _warm_up(workload: Workload) -> None:
    """Import every contender's packages once: compiled files and the disk's cache are shared."""
    names = dict.fromkeys(variant.environment for group in workload.groups for variant in group)
    for name in names:
        subprocess.run(
            [str(interpreter(name)), "-c", IMPORTS[name]],
            check=True,
            env=_environment(1, Path(os.devnull)),
            stderr=subprocess.DEVNULL,
        )


def _run(variant: Variant, number: int, settings: Settings, scratch: Path) -> Row:
    bank, out = scratch / "bank", scratch / "run"
    shutil.rmtree(out, ignore_errors=True)
    if variant.cold:
        shutil.rmtree(bank, ignore_errors=True)
    print(f"round {number + 1}: {variant.name}", file=sys.stderr, flush=True)
    places = {OUT: str(out), BANK: str(bank)}
    command = [str(interpreter(variant.environment))]
    command += [places.get(word, word) for word in variant.command]
    timing = run_timed(
        command,
        environment=_environment(settings.threads, bank),
        folder=REPOSITORY,
        timeout=settings.timeout,
        watch_memory=variant.watch_memory,
    )
    return row_of(variant, number, timing, out)


def _environment(threads: int, bank: Path) -> dict[str, str]:
    """The same for every contender: the processor only, equal threads, nothing from a network."""
    own = {
        "OMP_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "GRAFT_CACHE": str(bank),
    }
    # As on a user's machine, what is compiled once is kept.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **own}


def row_of(variant: Variant, number: int, timing: Timing, out: Path) -> Row:
    """A row from what was measured outside and what the command itself said."""
    values = {
        "process_seconds": timing.wall,
        "cpu_seconds": timing.cpu,
        "rss_gb": timing.peak_rss / 1e9,
    }
    if timing.peak_anonymous is not None:
        values["anonymous_gb"] = timing.peak_anonymous / 1e9
    result = out / "result.json"
    if result.exists():
        found, note = _graft_values(result, timing)
    else:
        found, note = _peer_values(timing.printed, variant.epochs)
    return Row(variant.name, number, values | found, timing.foreign, timing.disturbed, note)


def _graft_values(result: Path, timing: Timing) -> tuple[dict[str, float], str]:
    """The clock stops when result.json is there."""
    said = read_json(result)
    parts = {f"graft_{name}": float(value) for name, value in said["seconds"].items()}
    accuracy = said["metrics"]["test"]["accuracy"]
    values = {
        "seconds": result.stat().st_mtime - timing.started,
        "accuracy": accuracy["value"],
        "accuracy_low": accuracy["low"],
        "accuracy_high": accuracy["high"],
    }
    bank = said["bank"]
    return values | parts, f"engine {said['engine']}; bank: {_counts(bank)}"


def _counts(bank: Json) -> str:
    return ", ".join(f"{bank[name]} {name}" for name in ("hits", "computed") if name in bank)


def _peer_values(said: Json, epochs: int) -> tuple[dict[str, float], str]:
    """The clock stops when the peer prints its result; missing epochs are estimated and said."""
    values = {
        name: float(value)
        for name, value in said.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    note, ran = str(said.get("did", "")), _epochs(said)
    if epochs > len(ran) > 0:
        values["measured_seconds"] = values["seconds"]
        values["seconds"] = estimated_seconds(values["seconds"], ran, epochs)
        note += f"; {epochs} epochs estimated from {len(ran)}"
        # Accuracy after fewer epochs is another figure.
        values["accuracy_of_fewer_epochs"] = values.pop("accuracy")
    return values, note


def _epochs(said: Json) -> Sequence[float]:
    return [float(seconds) for seconds in said.get("epochs", [])]
