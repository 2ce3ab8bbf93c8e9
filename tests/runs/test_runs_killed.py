"""Processes that are killed or stopped: what they leave goes on to the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graft.errors import ModelError
from graft.model import load
from graft.runs.folder import is_finished, is_unfinished

SETTINGS = [
    *("--backbone", "test_resnet", "--weights", "random", "--size", "32", "--threads", "1"),
    *("--epochs", "6", "--batch-size", "4", "--patience", "99", "--dropout", "0.2"),
]
STRATEGIES = (
    "linear-probe", "head", "top-k:2", "lp-ft+wise", "gradual:2+ema", "lora:2", "l2-sp",
    "norm-only", "full+bn-reestimate",
)  # fmt: skip
KILLS = 20
TIMEOUT = 240.0


def start(cache: Path, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "graft", "fit", *map(str, arguments)]
    environment = {**os.environ, "GRAFT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    _, errors = process.communicate(timeout=TIMEOUT)
    return errors.decode()


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + TIMEOUT
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def outcome(run: Path) -> dict[str, object]:
    rows = [json.loads(row) for row in (run / "history.jsonl").read_text().splitlines()]
    result = json.loads((run / "result.json").read_text())
    return {
        "model": (run / "model" / "model.safetensors").read_bytes(),
        "golden": (run / "model" / "golden.safetensors").read_bytes(),
        "metrics": result["metrics"],
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in rows],
    }


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_runs_killed_at_random_end_with_the_same_bytes(
    strategy: str, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    """Killed again and again, and taken up as often, with the default interval and with none."""
    data = make_photos(tmp_path / "p", {"blue": 40, "green": 40, "red": 40})
    fresh = [data, *SETTINGS, "--strategy", strategy]
    reference = start(tmp_path / "fresh", *fresh, "--out", tmp_path / "reference")
    errors = finish(reference)
    assert reference.returncode == 0, errors
    expected = outcome(tmp_path / "reference")
    seconds = load(tmp_path / "reference").result["seconds"]["total"]
    moments, killed, number = random.Random(strategy), 0, 0
    while killed < KILLS:
        number += 1
        run, cache = tmp_path / f"run{number}", tmp_path / f"cache{number}"
        every = ["--checkpoint-every", "0"] if number % 2 else []
        while not is_finished(run):
            begun = ["--resume", run] if is_unfinished(run) else [*fresh, "--out", run]
            process = start(cache, *begun, *every)
            wait_for(run / ".lock", process)
            if killed < KILLS:
                time.sleep(moments.uniform(0, 1.2 * seconds))
                process.kill()
            errors = finish(process)
            killed += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), errors
        assert outcome(run) == expected
    picture = data / "blue" / "00.png"
    assert load(run).predict(picture) == load(tmp_path / "reference").predict(picture)


@pytest.mark.long
def test_a_stopped_run_says_how_it_goes_on(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    data = make_photos(tmp_path / "p", {"blue": 40, "red": 40})
    run, settings = tmp_path / "run", [*SETTINGS, "--strategy", "top-k:2", "--epochs", "60"]
    process = start(tmp_path / "cache", data, *settings, "--out", run)
    wait_for(run / "history.jsonl", process)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    errors = finish(process)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Stopped." in errors
    assert f"graft fit --resume {run}" in errors.replace("\n", "")
    with pytest.raises(ModelError, match="did not finish"):
        load(run)
    again = start(tmp_path / "cache", data, *settings, "--out", run)
    assert "did not finish" in finish(again)
    assert again.returncode == 2
    again = start(tmp_path / "cache", "--resume", run)
    errors = finish(again)
    assert again.returncode == 0, errors


@pytest.mark.long
def test_a_search_that_was_killed_goes_on(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    data, run = make_photos(tmp_path / "p", {"blue": 40, "red": 40}), tmp_path / "run"
    process = start(
        tmp_path / "cache", data, *SETTINGS, "--budget", "60s", "--compare", "--out", run
    )
    wait_for(run / "result.json", process)
    process.kill()
    finish(process)
    assert is_unfinished(run)
    assert load(run).result["search"]["finished"] is False  # the best so far is there
    again = start(tmp_path / "cache", "--resume", run)
    errors = finish(again)
    assert again.returncode == 0, errors
    assert "The search goes on" in errors.replace("\n", " ")
    assert load(run).result["search"]["finished"]
    assert "compare" in load(run).result
    assert not (run / "checkpoints").exists()


@pytest.mark.long
def test_two_processes_share_a_bank(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    data = make_photos(tmp_path / "p", {"blue": 40, "red": 40})
    fresh = [data, *SETTINGS, "--strategy", "top-k:2"]
    both = [start(tmp_path / "cache", *fresh, "--out", tmp_path / name) for name in ("one", "two")]
    for process in both:
        errors = finish(process)
        assert process.returncode == 0, errors
    assert outcome(tmp_path / "one") == outcome(tmp_path / "two")
