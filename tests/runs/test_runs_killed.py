"""Processes that are killed or stopped: what they leave is refused, cleared and never believed."""

from __future__ import annotations

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

SETTINGS = [
    *("--backbone", "test_resnet", "--weights", "random", "--size", "32", "--threads", "1"),
    *("--strategy", "top-k:2", "--epochs", "12", "--batch-size", "4", "--patience", "99"),
]
TIMEOUT = 240.0


def start(data: Path, out: Path, cache: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "graft", "fit", str(data), *SETTINGS, "--out", str(out)]
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


def model_bytes(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.mark.long
def test_a_killed_run_is_refused_and_can_be_run_again(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    data = make_photos(tmp_path / "p", {"blue": 40, "red": 40})
    reference = start(data, tmp_path / "reference", tmp_path / "fresh-cache")
    assert finish(reference) is not None
    assert reference.returncode == 0
    expected = model_bytes(tmp_path / "reference")
    seconds = load(tmp_path / "reference").result["seconds"]["total"]
    moments, killed = random.Random(0), 0
    for number in range(12):
        cache, out = tmp_path / f"cache{number}", tmp_path / f"run{number}"
        process = start(data, out, cache)
        wait_for(out / ".lock", process)
        time.sleep(moments.uniform(0, seconds))
        process.kill()
        finish(process)
        if (out / "result.json").exists():  # it was faster
            assert model_bytes(out) == expected
            continue
        killed += 1
        with pytest.raises(ModelError):
            load(out)
        again = start(data, out, cache)
        errors = finish(again)
        assert again.returncode == 0, errors
        assert model_bytes(out) == expected
        assert load(out).predict(data / "blue" / "00.png")[0].label == "blue"
        if killed == 3:
            break
    assert killed == 3


@pytest.mark.long
def test_a_stopped_run_says_so_and_can_be_run_again(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    data = make_photos(tmp_path / "p", {"blue": 40, "red": 40})
    out = tmp_path / "run"
    process = start(data, out, tmp_path / "cache")
    wait_for(out / "history.jsonl", process)
    process.send_signal(signal.SIGINT)
    errors = finish(process)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Stopped." in errors
    with pytest.raises(ModelError, match="did not finish"):
        load(out)
    again = start(data, out, tmp_path / "cache")
    errors = finish(again)
    assert again.returncode == 0, errors


@pytest.mark.long
def test_two_processes_share_a_bank(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    data = make_photos(tmp_path / "p", {"blue": 40, "red": 40})
    both = [start(data, tmp_path / name, tmp_path / "cache") for name in ("one", "two")]
    for process in both:
        errors = finish(process)
        assert process.returncode == 0, errors
    assert model_bytes(tmp_path / "one") == model_bytes(tmp_path / "two")
